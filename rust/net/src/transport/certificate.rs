//! Of a certificate, what deciding on trust and telling about it need.

use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

/// The attributes of a name that are shown, as OpenSSL abbreviates them.
const SHOWN: [(ObjectIdentifier, &str); 6] = [
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
    (ObjectIdentifier::new_unwrap("2.5.4.8"), "ST"),
    (ObjectIdentifier::new_unwrap("2.5.4.7"), "L"),
    (ObjectIdentifier::new_unwrap("2.5.4.10"), "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
    (COMMON_NAME, "CN"),
];
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A certificate's names.
pub(crate) struct Names(Certificate);

impl Names {
    /// Reads a certificate; `None` for what is none.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        Certificate::from_der(der).ok().map(Self)
    }

    /// Whether it names itself as its issuer.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.0.tbs_certificate.issuer == self.0.tbs_certificate.subject
    }

    /// Whether another one is named as its issuer.
    pub(crate) fn names_as_issuer(&self, other: &Self) -> bool {
        self.0.tbs_certificate.issuer == other.0.tbs_certificate.subject
    }

    /// The issuer, to be read by people.
    pub(crate) fn issuer(&self) -> String {
        let shown: Vec<String> = attributes(&self.0.tbs_certificate.issuer)
            .filter_map(|(kind, text)| {
                let (_, short) = SHOWN.iter().find(|(known, _)| *known == kind)?;
                Some(format!("{short}={}", text.replace(char::is_control, "?")))
            })
            .collect();
        if shown.is_empty() { "nobody by name".to_owned() } else { shown.join(", ") }
    }

    /// Whether the subject's common name stands for a host: where there is no alternative DNS name.
    pub(crate) fn is_commonly_called(&self, host: &str) -> bool {
        let alternatives = self.0.tbs_certificate.get::<SubjectAltName>();
        let has_dns_name = match alternatives {
            Ok(None) => false,
            Ok(Some((_, names))) => {
                names.0.iter().any(|name| matches!(name, GeneralName::DnsName(_)))
            }
            Err(_) => return false,
        };
        !has_dns_name
            && attributes(&self.0.tbs_certificate.subject)
                .any(|(kind, text)| kind == COMMON_NAME && matches(&text, host))
    }
}

/// Whether a name, of which the first label may be `*`, is that of a host.
fn matches(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some(pattern), Some((_, host))) = (pattern.strip_prefix("*."), host.split_once('.'))
    else {
        return false;
    };
    pattern.contains('.') && pattern.eq_ignore_ascii_case(host)
}

fn attributes(name: &Name) -> impl Iterator<Item = (ObjectIdentifier, String)> {
    name.0.iter().flat_map(|set| set.0.iter()).map(|attribute| {
        let bytes = attribute.value.value();
        let text = match attribute.value.tag() {
            Tag::BmpString => {
                let units =
                    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                char::decode_utf16(units).map(|unit| unit.unwrap_or('?')).collect()
            }
            Tag::TeletexString => bytes.iter().map(|byte| char::from(*byte)).collect(),
            _ => String::from_utf8_lossy(bytes).into_owned(),
        };
        (attribute.oid, text)
    })
}

#[cfg(test)]
mod tests {
    use super::{Names, matches};

    #[test]
    fn a_common_name_is_matched_label_by_label() {
        assert!(matches("Model.Example.com", "model.example.com"));
        assert!(matches("*.example.com", "model.example.com"));
        for (pattern, host) in [
            ("*.example.com", "example.com"),
            ("*.example.com", "a.model.example.com"),
            ("*.com", "example.com"),
            ("mod*.example.com", "model.example.com"),
            ("example.com", "model.example.com"),
        ] {
            assert!(!matches(pattern, host), "{pattern} {host}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_names() {
        for bytes in [&b""[..], b"\x30", b"\x30\x03\x02\x01\x05", b"garbage"] {
            assert!(Names::read(bytes).is_none());
        }
    }
}
