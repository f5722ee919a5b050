//! The records of PAX extended headers (POSIX.1-2017, pax, "pax Extended Header").
//!
//! The `tar` crate cuts records at newlines. Their values are binary: the capabilities of a file
//! may well hold a byte that is a newline, and a crafted value could pass for a further record.

/// The records in `data`, keyword and value, in their order.
///
/// # Errors
/// What is wrong, in words: a record is "LENGTH KEYWORD=VALUE\n", with the length of all of it.
pub(super) fn records(mut data: &[u8]) -> Result<Vec<(&str, &[u8])>, String> {
    let mut found = Vec::new();
    while !data.is_empty() {
        let (record, rest) = cut(data).ok_or("a PAX record whose length is wrong")?;
        let equals = record.iter().position(|&byte| byte == b'=');
        let (keyword, value) = equals
            .map(|at| (&record[..at], &record[at + 1..]))
            .ok_or("a PAX record without a value")?;
        let keyword = str::from_utf8(keyword)
            .ok()
            .filter(|keyword| !keyword.is_empty())
            .ok_or("a PAX record without a usable keyword")?;
        if found.iter().any(|(other, _)| *other == keyword) {
            return Err(format!("two PAX records `{keyword}`"));
        }
        found.push((keyword, value));
        data = rest;
    }
    Ok(found)
}

/// The first record, without its length and newline, and what follows it.
fn cut(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = data.iter().position(|&byte| byte == b' ')?;
    let digits = str::from_utf8(&data[..space]).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let length: usize = digits.parse().ok()?;
    let (record, rest) = data.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    Some((record, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_any_byte() {
        let data = b"12 path=a/b\n27 SCHILY.xattr.x=\n\x00\n5 =\n\xff\n5 a=\n";
        let found = records(data).expect("sound");
        assert_eq!(
            found,
            [
                ("path", &b"a/b"[..]),
                ("SCHILY.xattr.x", b"\n\x00\n5 =\n\xff"),
                ("a", b""),
            ]
        );
    }

    #[test]
    fn records_that_lie_about_their_length_are_refused() {
        for data in [
            &b"13 path=a/b\n"[..],
            b"11 path=a/b\n",
            b"99999999999999999999999 path=a\n",
            b"0 path=a\n",
            b"+12 path=a/b\n",
            b"3 \n",
            b"12 path=a/b\n\0",
            b"6 pat\n",
            b"5 =a\n",
            b"6 \xff=a\n",
            b"6 a=b\n6 a=c\n",
            b"path=a\n",
        ] {
            assert!(records(data).is_err(), "{}", data.escape_ascii());
        }
    }
}
