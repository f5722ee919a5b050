//! HTTP/1.1 (RFC 9112) over one stream that carries one connection after another, each for one
//! request: every answer closes its own.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::{Mutex, PoisonError};

use super::{Registry, Request, Response};

/// Most bytes of the lines before a body.
const HEAD: usize = 64 << 10;

/// Most bytes of a body; a nested image has a few million.
const BODY: usize = 256 << 20;

/// Most header fields.
const FIELDS: usize = 64;

/// Answers every request of `input` on `output`, until the input ends.
///
/// # Errors
/// When the input is no HTTP, is longer than what an engine sends, or one of both ends is lost.
pub fn serve(
    registry: &Mutex<Registry>,
    input: impl Read,
    mut output: impl Write,
) -> io::Result<()> {
    let mut input = BufReader::new(input);
    while let Some(request) = read(&mut input)? {
        let head = request.method == "HEAD";
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        let response = registry.answer(request);
        drop(registry);
        output.write_all(&bytes(response, head))?;
        output.flush()?;
    }
    Ok(())
}

/// The next request, or none at the end of the input.
fn read(input: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let room = HEAD - head.len();
        let read = input.take(room as u64).read_until(b'\n', &mut head)?;
        match read {
            0 if head.is_empty() => return Ok(None),
            0 => return Err(wrong("a request ends in the middle of its header")),
            _ => {}
        }
    }
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    parsed
        .parse(&head)
        .map_err(|error| wrong(&error.to_string()))?;
    let field = |name: &str| {
        let mut fields = parsed.headers.iter();
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(field.value).into_owned())
    };
    let chunked = field("Transfer-Encoding").is_some_and(|value| value == "chunked");
    let body = match field("Content-Length") {
        _ if chunked => chunks(input)?,
        Some(length) => exactly(input, length.parse().ok())?,
        None => Vec::new(),
    };
    Ok(Some(Request {
        authorization: field("Authorization"),
        media_type: field("Content-Type"),
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        body,
    }))
}

/// A body in chunks (RFC 9112, 7.1); trailers are not used by engines.
fn chunks(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = line(input)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).ok();
        let chunk = exactly(input, size.filter(|size| body.len() + size <= BODY))?;
        if !line_is_empty(input)? {
            return Err(wrong("a chunk is longer than it says"));
        }
        if chunk.is_empty() {
            return Ok(body);
        }
        body.extend(chunk);
    }
}

fn line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    input.take(HEAD as u64).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

fn line_is_empty(input: &mut impl BufRead) -> io::Result<bool> {
    line(input).map(|line| line.is_empty())
}

/// So many bytes, no fewer.
fn exactly(input: &mut impl BufRead, length: Option<usize>) -> io::Result<Vec<u8>> {
    let length = length.filter(|length| *length <= BODY);
    let length = length.ok_or_else(|| wrong("a body has no length that is understood"))?;
    let mut bytes = Vec::new();
    input.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(wrong("a body is shorter than it says"));
    }
    Ok(bytes)
}

fn bytes(response: Response, head: bool) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} smoke\r\n", response.status);
    for (name, value) in &response.headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += "Docker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n";
    text += &format!("Content-Length: {}\r\n\r\n", response.body.len());
    let mut bytes = text.into_bytes();
    if !head {
        bytes.extend(response.body);
    }
    bytes
}

fn wrong(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(input: &str) -> io::Result<String> {
        let registry = Mutex::new(Registry::new("user", "word"));
        let mut output = Vec::new();
        serve(&registry, input.as_bytes(), &mut output)?;
        Ok(String::from_utf8(output).expect("UTF-8"))
    }

    const KNOWN: &str = "authorization: Basic dXNlcjp3b3Jk\r\n";

    #[test]
    fn requests_follow_each_other_and_every_answer_closes_its_connection() {
        let said = answers(&format!(
            "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n\
             POST /v2/a/blobs/uploads/ HTTP/1.1\r\n{KNOWN}Content-Length: 0\r\n\r\n\
             PATCH /v2/a/blobs/uploads/1 HTTP/1.1\r\n{KNOWN}Transfer-Encoding: chunked\r\n\r\n\
             2\r\non\r\n1;x=y\r\ne\r\n0\r\n\r\n\
             PUT /v2/a/manifests/t HTTP/1.1\r\n{KNOWN}Content-Length: 2\r\n\r\n{{}}\
             HEAD /v2/a/manifests/t HTTP/1.1\r\n{KNOWN}\r\n"
        ))
        .expect("HTTP");
        let lines: Vec<&str> = said
            .lines()
            .filter(|line| line.starts_with("HTTP/1.1"))
            .collect();
        let codes = [401, 202, 202, 201, 200].map(|code| format!("HTTP/1.1 {code} smoke"));
        assert_eq!(lines, codes);
        assert_eq!(said.matches("Connection: close").count(), 5);
        assert!(said.contains("Range: 0-2\r\n"), "{said}");
        // The length of what GET would give, and nothing of it.
        assert!(said.ends_with("Content-Length: 2\r\n\r\n"), "{said}");
    }

    #[test]
    fn what_is_no_request_is_an_error_and_no_panic() {
        for input in [
            "GET",
            "GET /v2/ HTTP/1.1\r\nHost",
            "\u{0}\u{1}\r\n\r\n",
            "PUT /v2/ HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n",
            "PUT /v2/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nfew",
            "PUT /v2/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "PUT /v2/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nlong\r\n",
        ] {
            assert!(answers(input).is_err(), "{input:?}");
        }
        assert!(answers(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(HEAD))).is_err());
        assert_eq!(answers("").expect("nothing"), "");
    }
}
