//! What requests have in common that differ in nothing but time and payload: most of a client's.

use std::ops::Range;

use zeroize::Zeroizing;

use super::canonical::Header;
use super::key::{hex, push_hex, sha256};
use super::sign::{Payload, Request, Signer};
use super::timestamp::Timestamp;
use super::{InvalidArgument, SignerOptions};

/// The line of the time in a canonical request. No other begins so: a signer takes no such header, and
/// no value holds a line end.
const DATE_LINE: &[u8] = b"\nx-amz-date:";
/// `YYYYMMDDTHHMMSSZ`.
const DATE_BYTES: usize = 16;
/// The payload's hash in hexadecimal, the last line of a canonical request.
const HASH_BYTES: usize = 64;

/// A canonical request without its time and its payload's hash.
pub struct Prepared {
    /// The session token stands in it.
    text: Zeroizing<Vec<u8>>,
    date: Range<usize>,
    token: Option<Zeroizing<String>>,
    normalize_path: bool,
    double_encode: bool,
}

impl Prepared {
    /// Appends the canonical request of a time and a payload.
    pub(super) fn push(&self, out: &mut Vec<u8>, timestamp: Timestamp, payload: Payload<'_>) {
        out.extend_from_slice(&self.text[..self.date.start]);
        out.extend_from_slice(timestamp.as_str().as_bytes());
        out.extend_from_slice(&self.text[self.date.end..]);
        match payload {
            Payload::Hash(hash) => out.extend_from_slice(hash.as_bytes()),
            Payload::Body(body) => push_hex(out, &sha256(body)),
        }
    }
}

impl Signer {
    /// Prepares requests of this method and URL with these headers; `None` where their content's hash
    /// is a header, too.
    pub fn prepare(
        &self,
        method: &str,
        url: &str,
        headers: &[Header<'_>],
    ) -> Result<Option<Prepared>, InvalidArgument> {
        let request = Request::check(method, url, headers)?;
        let SignerOptions { normalize_path, double_encode, content_sha256_header, .. } =
            self.options;
        if content_sha256_header || request.header("x-amz-content-sha256").is_some() {
            return Ok(None);
        }
        let mut text = Zeroizing::new(Vec::with_capacity(1024));
        let any = String::from_utf8_lossy(&hex(&[0; HASH_BYTES / 2])).into_owned();
        self.with_headers(
            &request,
            Timestamp::from_epoch(0)?,
            Payload::Hash(&any),
            |signed, hash| {
                self.push_canonical(&mut text, &request, signed, hash);
            },
        );
        let Some(line) = memchr::memmem::find(&text, DATE_LINE) else { return Ok(None) };
        let start = line + DATE_LINE.len();
        let without_hash = text.len() - HASH_BYTES;
        text.truncate(without_hash);
        Ok(Some(Prepared {
            text,
            date: start..start + DATE_BYTES,
            token: self.credentials.session_token().map(|token| Zeroizing::new(token.to_owned())),
            normalize_path,
            double_encode,
        }))
    }

    /// Whether what was prepared, maybe by another signer, is what this one would prepare.
    pub fn would_prepare(&self, prepared: &Prepared) -> bool {
        let options = &self.options;
        !options.content_sha256_header
            && options.normalize_path == prepared.normalize_path
            && options.double_encode == prepared.double_encode
            && self.credentials.session_token()
                == prepared.token.as_ref().map(|token| token.as_str())
    }

    /// Signs a request that is prepared, and appends the headers to add, as `push_headers` does.
    pub fn push_prepared<E: From<InvalidArgument>>(
        &self,
        out: &mut Vec<u8>,
        prepared: &Prepared,
        payload: Payload<'_>,
        at: i64,
        check: impl Fn(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let timestamp = Timestamp::from_epoch(at)?;
        let start = out.len();
        prepared.push(out, timestamp, payload);
        self.sign_canonical(out, start, timestamp, None, check)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Credentials, Header, Payload, Signer, SignerOptions};

    fn signer(token: Option<&str>, normalize_path: bool, double_encode: bool) -> Signer {
        let credentials = Credentials {
            access_key_id: "AKID".to_owned(),
            secret_access_key: "secret".to_owned(),
            token: token.map(str::to_owned),
            expires_at: None,
        };
        let options = SignerOptions {
            region: "us-east-1".to_owned(),
            service: "sagemaker".to_owned(),
            normalize_path,
            double_encode,
            content_sha256_header: false,
        };
        Signer::new(credentials, options)
    }

    proptest! {
        #[test]
        fn prepared_or_not_the_signature_is_the_same(
            path in "[a-z/.% \\n]{0,12}",
            query in "[a-z=& ]{0,8}",
            headers in prop::collection::vec(
                ("[a-zA-Z-]{1,9}|x-amz-date2|x-amz-meta", "[ -~]{0,5}(\r\n x-amz-date:)?[ -~]{0,5}"), 0..5,
            ),
            token in prop::option::of("[a-z]{0,4}"),
            (normalize, double) in (any::<bool>(), any::<bool>()),
            moments in prop::collection::vec((0_i64..4_000_000_000, prop::collection::vec(any::<u8>(), 0..9)), 1..3),
        ) {
            let signer = signer(token.as_deref(), normalize, double);
            let url = format!("http://h.test/{path}?{query}");
            let headers: Vec<Header<'_>> =
                headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
            let prepared = signer.prepare("POST", &url, &headers);
            for (at, body) in &moments {
                let payload = Payload::Body(body);
                let fresh = &mut b"kept".to_vec();
                let made = signer.push_headers(
                    fresh, "POST", &url, &headers, payload, *at, |_| Ok::<(), super::InvalidArgument>(()),
                );
                match &prepared {
                    Err(error) => prop_assert_eq!(Some(error), made.as_ref().err()),
                    Ok(None) => prop_assert!(
                        headers.iter().any(|one| one.0.eq_ignore_ascii_case(b"x-amz-content-sha256"))
                    ),
                    Ok(Some(prepared)) => {
                        let out = &mut b"kept".to_vec();
                        signer
                            .push_prepared(out, prepared, payload, *at, |_| Ok::<(), super::InvalidArgument>(()))
                            .unwrap();
                        prop_assert_eq!(out, fresh);
                        prop_assert!(signer.would_prepare(prepared));
                    }
                }
            }
        }
    }

    #[test]
    fn another_token_or_another_way_to_sign_is_not_prepared_for() {
        let url = "http://h.test/a";
        let prepared = signer(Some("one"), true, true).prepare("POST", url, &[]).unwrap().unwrap();
        assert!(signer(Some("one"), true, true).would_prepare(&prepared));
        for other in [
            signer(Some("two"), true, true),
            signer(None, true, true),
            signer(Some("one"), false, true),
            signer(Some("one"), true, false),
        ] {
            assert!(!other.would_prepare(&prepared));
        }
    }
}
