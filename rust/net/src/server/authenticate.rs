//! Whether a request's signature is right, and who made it. Twin: `_pure/server/authenticate.py`.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use hyper::http::request::Parts as Head;
use sagewire_core::sigv4::{Credentials, Payload, SignatureError, Verifier, VerifierOptions};

use super::errors::ServiceError;
use super::lookups::Lookups;
use super::settings::Known;

/// AWS accepts clocks that are off by five minutes.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const MAX_SKEW_SECONDS: i64 = 300;
const SERVICE: &str = "sagemaker";

type Keys = HashMap<String, Arc<Known>>;

/// Verifies against the credentials that the server knows.
pub(super) struct Authenticator {
    /// `None` if signatures are not looked at.
    known: RwLock<Option<Keys>>,
    verifier: Verifier,
}

impl Authenticator {
    pub(super) fn new(region: &str, known: Option<Vec<Known>>) -> Self {
        let verifier = Verifier::new(VerifierOptions {
            region: region.to_owned(),
            service: SERVICE.to_owned(),
            max_skew: MAX_SKEW_SECONDS,
            normalize_path: true,
            double_encode: true,
        });
        Self { known: RwLock::new(known.map(by_id)), verifier }
    }

    /// Accepts other credentials from now on.
    pub(super) fn replace(&self, known: Option<Vec<Known>>) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known.map(by_id);
    }

    /// Who signed the request, now; `None` if nobody needs to. Else the service's error.
    pub(super) async fn check(
        &self,
        head: &Head,
        body: &[u8],
        now: i64,
        lookups: Option<&Lookups>,
    ) -> Result<Option<Arc<Known>>, ServiceError> {
        let mut asked = None;
        if self.accepts_all() {
            return Ok(None);
        }
        loop {
            let mut unknown = None;
            let found = |access_key_id: &str| {
                let mut signer = self.known(access_key_id).or_else(|| asked.clone().flatten());
                if let (None, None, Some(lookups)) = (&signer, &asked, lookups) {
                    match lookups.kept(access_key_id) {
                        Some(kept) => signer = kept.found,
                        None => unknown = Some(access_key_id.to_owned()),
                    }
                }
                signer.map(Caller)
            };
            let refused = match self.verify(head, body, now, found) {
                Ok(Caller(caller)) => return Ok(Some(caller)),
                Err(refused) => refused,
            };
            match (unknown, lookups) {
                (Some(unknown), Some(lookups)) if asked.is_none() => {
                    asked = Some(lookups.ask(&unknown).await);
                }
                _ => {
                    let status = refused.status();
                    return Err(ServiceError::refused_signature(
                        refused.code(),
                        status,
                        &refused.message,
                    ));
                }
            }
        }
    }

    fn known(&self, access_key_id: &str) -> Option<Arc<Known>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref()?.get(access_key_id).cloned()
    }

    fn accepts_all(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn verify(
        &self,
        head: &Head,
        body: &[u8],
        now: i64,
        lookup: impl FnOnce(&str) -> Option<Caller>,
    ) -> Result<Caller, SignatureError> {
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        let headers: Vec<_> = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
            .collect();
        self.verifier.signer(
            head.method.as_str().as_bytes(),
            target.as_bytes(),
            &headers,
            Payload::Body(body),
            |access_key_id| Ok::<_, SignatureError>(lookup(access_key_id)),
            now,
        )
    }
}

/// Somebody known, as the verifier sees them.
struct Caller(Arc<Known>);

impl Borrow<Credentials> for Caller {
    fn borrow(&self) -> &Credentials {
        &self.0.credentials
    }
}

fn by_id(known: Vec<Known>) -> Keys {
    known
        .into_iter()
        .map(|known| (known.credentials.access_key_id.clone(), Arc::new(known)))
        .collect()
}
