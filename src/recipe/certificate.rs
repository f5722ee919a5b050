//! Certificates in PEM files (RFC 7468): what is in a file, and until when each is valid.

use crate::epoch::Epoch;

use super::der::{element, expect, tag};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One certificate of a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its own lines, from `-----BEGIN CERTIFICATE-----` to the end of the last line.
    pub pem: String,
    /// The certificate.
    pub der: Vec<u8>,
    /// Last second at which it is valid.
    pub not_after: Epoch,
}

/// Every certificate of a PEM file; the error says what else it is.
pub fn read(text: &str) -> Result<Vec<Certificate>, String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(label) = label(line, BEGIN) else {
            continue;
        };
        if label.ends_with("PRIVATE KEY") {
            return Err(format!(
                "holds a private key (`{label}`), which no image may carry: everyone who can pull it could read it"
            ));
        }
        if label != "CERTIFICATE" {
            return Err(format!(
                "holds a `{label}` where only certificates are of use"
            ));
        }
        let mut pem = format!("{line}\n");
        let mut body = String::new();
        loop {
            let Some(line) = lines.next() else {
                return Err("ends within a certificate".to_owned());
            };
            pem.push_str(line);
            pem.push('\n');
            match self::label(line, END) {
                Some("CERTIFICATE") => break,
                _ => body.push_str(line.trim()),
            }
        }
        found.push(parse(pem, &body).ok_or("holds a certificate that is damaged")?);
    }
    if found.is_empty() {
        return Err("holds no certificate in PEM form".to_owned());
    }
    Ok(found)
}

fn label<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.trim().strip_prefix(start)?.strip_suffix(DASHES)
}

fn parse(pem: String, body: &str) -> Option<Certificate> {
    use base64::Engine as _;
    let der = base64::engine::general_purpose::STANDARD
        .decode(body)
        .ok()?;
    let fields = fields_from_validity(&der)?;
    let (validity, rest) = expect(fields, tag::SEQUENCE)?;
    expect(rest, tag::SEQUENCE)?;
    let not_after = time(element(validity)?.2)?;
    Some(Certificate {
        pem,
        der,
        not_after,
    })
}

/// The fields of a certificate from `validity` on: validity, subject, key (RFC 5280, 4.1).
pub fn fields_from_validity(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = expect(der, tag::SEQUENCE)?;
    let (mut fields, _) = expect(certificate, tag::SEQUENCE)?;
    if fields.first() == Some(&tag::CONTEXT_0) {
        fields = element(fields)?.2;
    }
    // serialNumber, signature, issuer.
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    Some(fields)
}

/// `UTCTime` has two digits for the years 1950 to 2049, `GeneralizedTime` four (RFC 5280, 4.1.2.5).
fn time(bytes: &[u8]) -> Option<Epoch> {
    let (kind, content, _) = element(bytes)?;
    let text = std::str::from_utf8(content).ok()?;
    let full = match kind {
        tag::UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        tag::UTC_TIME => format!("19{text}"),
        tag::GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let (day, second) = (full.get(..8)?, full.get(8..)?);
    Epoch::parse_snapshot(&format!("{day}T{second}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(name: &str, year: i32) -> (String, String) {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        parameters.not_after = rcgen::date_time_ymd(year, 1, 2);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_file_gives_its_certificates_with_their_ends() {
        let (first, _) = issued("one", 2031);
        let (second, _) = issued("two", 2060);
        let found = read(&format!("# comment\n{first}\nmore\n{second}")).expect("certificates");
        let ends: Vec<String> = found.iter().map(|one| one.not_after.to_string()).collect();
        assert_eq!(ends, ["2031-01-02T00:00:00Z", "2060-01-02T00:00:00Z"]);
        assert_eq!(found[0].pem.trim(), first.replace("\r\n", "\n").trim());
    }

    #[test]
    fn keys_damage_and_other_files_are_named_for_what_they_are() {
        let (certificate, key) = issued("one", 2031);
        let said = |text: &str| read(text).expect_err("no certificates");
        assert!(said(&format!("{certificate}{key}")).contains("private key"));
        assert!(said("").contains("no certificate"));
        assert!(said(&certificate[..certificate.len() / 2]).contains("ends within"));
        assert!(said(&certificate.replace("MII", "MIJ")).contains("damaged"));
        let request = "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n";
        assert!(said(request).contains("CERTIFICATE REQUEST"));
    }
}
