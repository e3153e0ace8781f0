//! Whether a request's signature is right. Twin: `_pure/server/authenticate.py`.

use hyper::http::request::Parts as Head;
use sagewire_core::sigv4::{Credentials, Payload, SignatureError, Verifier, VerifierOptions};

use super::errors::ServiceError;

/// AWS accepts clocks that are off by five minutes.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const MAX_SKEW_SECONDS: i64 = 300;
const SERVICE: &str = "sagemaker";

/// Verifies against the one set of credentials that the endpoint knows.
pub(super) struct Authenticator {
    known: Credentials,
    verifier: Verifier,
}

impl Authenticator {
    pub(super) fn new(region: &str, known: Credentials) -> Self {
        let verifier = Verifier::new(VerifierOptions {
            region: region.to_owned(),
            service: SERVICE.to_owned(),
            max_skew: MAX_SKEW_SECONDS,
            normalize_path: true,
            double_encode: true,
        });
        Self { known, verifier }
    }

    /// The service's error unless the request is signed, now, by the known key.
    pub(super) fn check(&self, head: &Head, body: &[u8], now: i64) -> Result<(), ServiceError> {
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        let headers: Vec<_> = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
            .collect();
        let lookup = |access_key_id: &str| {
            let found = access_key_id == self.known.access_key_id;
            Ok::<_, SignatureError>(found.then(|| self.known.clone()))
        };
        self.verifier
            .verify(
                head.method.as_str().as_bytes(),
                target.as_bytes(),
                &headers,
                Payload::Body(body),
                lookup,
                now,
            )
            .map(drop)
            .map_err(|error| {
                ServiceError::refused_signature(error.code(), error.status(), &error.message)
            })
    }
}
