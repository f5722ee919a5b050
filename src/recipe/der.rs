//! Reading DER (X.690), as far as certificates need it.

/// Tags of the types that certificates are read by.
pub mod tag {
    /// `BIT STRING`
    pub const BIT_STRING: u8 = 0x03;
    /// `OBJECT IDENTIFIER`
    pub const OBJECT_IDENTIFIER: u8 = 0x06;
    /// `UTF8String`
    pub const UTF8_STRING: u8 = 0x0c;
    /// `UTCTime`
    pub const UTC_TIME: u8 = 0x17;
    /// `GeneralizedTime`
    pub const GENERALIZED_TIME: u8 = 0x18;
    /// `SEQUENCE`
    pub const SEQUENCE: u8 = 0x30;
    /// `SET`
    pub const SET: u8 = 0x31;
    /// The first context-specific, constructed tag.
    pub const CONTEXT_0: u8 = 0xa0;
}

/// One element: its tag, its content, and what follows it; `None` where the bytes are no DER.
pub fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (digits, rest) = rest.split_at(count);
        let length = digits
            .iter()
            .fold(0, |n, &digit| n << 8 | usize::from(digit));
        (length, rest)
    };
    (rest.len() >= length).then(|| (tag, &rest[..length], &rest[length..]))
}

/// The content of an element that must have the tag `wanted`, and what follows it.
pub fn expect(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    (tag == wanted).then_some((content, rest))
}
