//! The check on the other side: is a request's signature that of this request, key and time?

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::canonical::{self, Header, SignedHeaders, push_path};
use super::claim::{Claim, Fields};
use super::key::{DateStamp, SigningKey, push_hex, sha256};
use super::sign::{Payload, push_string_to_sign};
use super::timestamp::Timestamp;
use super::url::split_target;
use super::{Credentials, SignatureError, UNSIGNED_PAYLOAD};

/// What a verifier expects of a signature.
#[derive(Debug, Clone)]
pub struct VerifierOptions {
    /// The region of the credential scope.
    pub region: String,
    /// The service of the credential scope.
    pub service: String,
    /// Seconds that the signer's clock may be off, either way.
    pub max_skew: i64,
    /// Remove dot segments and doubled slashes from the path.
    pub normalize_path: bool,
    /// Percent-encode the path's percent signs once more.
    pub double_encode: bool,
}

/// Who signed a request, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The public half of the key.
    pub access_key_id: String,
    /// The names of the signed headers, lower case, in order.
    pub signed_headers: Vec<String>,
    /// The time of signing, in seconds since 1970.
    pub signed_at: i64,
    /// The credential scope: date, region, service and `aws4_request`.
    pub scope: String,
}

/// A request as a server sees it.
#[derive(Clone, Copy)]
pub(crate) struct Received<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) path: &'a [u8],
    pub(crate) query: &'a [u8],
    pub(crate) headers: &'a [Header<'a>],
    pub(crate) payload: Payload<'a>,
}

impl<'a> Received<'a> {
    pub(crate) fn new(
        method: &'a [u8],
        target: &'a [u8],
        headers: &'a [Header<'a>],
        payload: Payload<'a>,
    ) -> Self {
        let (path, query) = split_target(target);
        Self { method, path, query, headers, payload }
    }

    /// The payload hash that stands in the canonical request, checked against the body.
    pub(crate) fn payload_hash(&self) -> Result<Vec<u8>, SignatureError> {
        let mut hash = Vec::with_capacity(64);
        match self.payload {
            Payload::Hash(known) => hash.extend_from_slice(known.as_bytes()),
            Payload::Body(body) => push_hex(&mut hash, &sha256(body)),
        }
        let mut stated = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(b"x-amz-content-sha256"));
        match (stated.next(), stated.next()) {
            (None, _) => Ok(hash),
            (Some(_), Some(_)) => {
                Err(SignatureError::incomplete("The x-amz-content-sha256 header is repeated."))
            }
            // The signer says, signed, that it did not sign the payload.
            (Some((_, stated)), None) if *stated == UNSIGNED_PAYLOAD.as_bytes() => {
                Ok(stated.to_vec())
            }
            (Some((_, stated)), None) if bool::from(stated.ct_eq(&hash)) => Ok(hash),
            (Some(_), None) => Err(SignatureError::invalid(
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )),
        }
    }
}

/// Checks signatures for one region and service.
pub struct Verifier {
    pub(crate) options: VerifierOptions,
    keys: Mutex<HashMap<String, CachedKey>>,
}

struct CachedKey {
    date: DateStamp,
    secret: Zeroizing<String>,
    key: SigningKey,
}

/// Signing keys kept; a stranger cannot fill the cache, since only known keys get into it.
const MAX_CACHED_KEYS: usize = 1024;

impl Verifier {
    /// A verifier.
    pub fn new(options: VerifierOptions) -> Self {
        Self { options, keys: Mutex::default() }
    }

    /// Checks a request at `now` (seconds since 1970) and says who signed it.
    ///
    /// `lookup` finds the credentials of an access key id. Its own failure ends the check.
    pub fn verify<E: From<SignatureError>>(
        &self,
        method: &[u8],
        target: &[u8],
        headers: &[Header<'_>],
        payload: Payload<'_>,
        lookup: impl FnOnce(&str) -> Result<Option<Credentials>, E>,
        now: i64,
    ) -> Result<Identity, E> {
        let received = Received::new(method, target, headers, payload);
        self.checked(&received, lookup, now, |claim, _| Identity {
            access_key_id: claim.access_key_id.to_owned(),
            signed_headers: claim.signed_names.iter().map(|name| (*name).to_owned()).collect(),
            signed_at: claim.signed_at,
            scope: format!("{}/{}/{}/aws4_request", claim.date, claim.region, claim.service),
        })
    }

    /// As `verify`, and gives back what `lookup` has found instead of an identity in pieces.
    pub fn signer<C: Borrow<Credentials>, E: From<SignatureError>>(
        &self,
        method: &[u8],
        target: &[u8],
        headers: &[Header<'_>],
        payload: Payload<'_>,
        lookup: impl FnOnce(&str) -> Result<Option<C>, E>,
        now: i64,
    ) -> Result<C, E> {
        let received = Received::new(method, target, headers, payload);
        self.checked(&received, lookup, now, |_, found| found)
    }

    fn checked<C: Borrow<Credentials>, E: From<SignatureError>, R>(
        &self,
        received: &Received<'_>,
        lookup: impl FnOnce(&str) -> Result<Option<C>, E>,
        now: i64,
        result: impl FnOnce(&Claim<'_>, C) -> R,
    ) -> Result<R, E> {
        let fields = Fields::find(received.query, received.headers)?;
        let claim = fields.claim()?;
        self.check_scope(&claim)?;
        check_signed_headers(&claim, received.headers)?;
        let found = lookup(claim.access_key_id)?.ok_or_else(SignatureError::unrecognized)?;
        self.check_claim(received, &claim, found.borrow(), now)?;
        Ok(result(&claim, found))
    }

    pub(crate) fn check_claim(
        &self,
        received: &Received<'_>,
        claim: &Claim<'_>,
        credentials: &Credentials,
        now: i64,
    ) -> Result<(), SignatureError> {
        check_token(claim, credentials)?;
        if credentials.expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(SignatureError::expired_token());
        }
        self.check_time(claim, now)?;
        let hash = received.payload_hash()?;
        let canonical = self.canonical_request(received, claim, &hash);
        if self.is_signature_of(&canonical, claim, credentials) {
            Ok(())
        } else {
            Err(SignatureError::mismatch())
        }
    }

    pub(crate) fn check_scope(&self, claim: &Claim<'_>) -> Result<(), SignatureError> {
        let date = claim.timestamp.date_str();
        if claim.date != date {
            return Err(SignatureError::invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{}' != '{date}', from '{}'.",
                claim.date,
                claim.timestamp.as_str()
            )));
        }
        if claim.region != self.options.region {
            return Err(SignatureError::invalid(format!(
                "Credential should be scoped to a valid region, not '{}'.",
                claim.region
            )));
        }
        if claim.service != self.options.service {
            return Err(SignatureError::invalid(format!(
                "Credential should be scoped to correct service: '{}'.",
                self.options.service
            )));
        }
        Ok(())
    }

    fn check_time(&self, claim: &Claim<'_>, now: i64) -> Result<(), SignatureError> {
        let skew = self.options.max_skew;
        let stamp = |seconds: i64| {
            Timestamp::from_epoch(seconds)
                .map_or_else(|_| seconds.to_string(), |t| t.as_str().to_owned())
        };
        let signed = claim.timestamp.as_str();
        if claim.signed_at > now.saturating_add(skew) {
            return Err(SignatureError::invalid(format!(
                "Signature not yet current: {signed} is still later than {} ({} + {skew} s.)",
                stamp(now.saturating_add(skew)),
                stamp(now),
            )));
        }
        // A header signature lives as long as clocks may differ; a presigned one says how long.
        match claim.expires_in {
            None if claim.signed_at < now.saturating_sub(skew) => {
                Err(SignatureError::invalid(format!(
                    "Signature expired: {signed} is now earlier than {} ({} - {skew} s.)",
                    stamp(now.saturating_sub(skew)),
                    stamp(now),
                )))
            }
            Some(life) if claim.signed_at.saturating_add(life) < now => {
                Err(SignatureError::invalid(format!(
                    "Signature expired: {} is now earlier than {} ({signed} + {life} s.)",
                    stamp(claim.signed_at.saturating_add(life)),
                    stamp(now),
                )))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn canonical_request(
        &self,
        received: &Received<'_>,
        claim: &Claim<'_>,
        payload_hash: &[u8],
    ) -> Vec<u8> {
        let names: Vec<&[u8]> = claim.signed_names.iter().map(|name| name.as_bytes()).collect();
        let signed = SignedHeaders::listed(received.headers, &names);
        let mut canonical = Vec::with_capacity(1024);
        let presigned = claim.expires_in.is_some();
        let query = canonical::query_pairs(received.query)
            .filter(|pair| !(presigned && pair.starts_with(b"X-Amz-Signature=")));
        let (normalize, double) = (self.options.normalize_path, self.options.double_encode);
        canonical::push_request(
            &mut canonical,
            received.method,
            |out| push_path(out, received.path, normalize, double),
            query,
            &signed,
            payload_hash,
        );
        canonical
    }

    pub(crate) fn is_signature_of(
        &self,
        canonical: &[u8],
        claim: &Claim<'_>,
        credentials: &Credentials,
    ) -> bool {
        let mut string_to_sign = Vec::with_capacity(192);
        push_string_to_sign(
            &mut string_to_sign,
            claim.timestamp,
            claim.region,
            claim.service,
            &sha256(canonical),
        );
        let signature = self.key_of(claim, credentials).sign(&string_to_sign);
        bool::from(signature.ct_eq(&claim.signature))
    }

    fn key_of(&self, claim: &Claim<'_>, credentials: &Credentials) -> SigningKey {
        let date = claim.timestamp.date();
        let secret = &credentials.secret_access_key;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = keys.get(claim.access_key_id)
            && kept.date == date
            && bool::from(kept.secret.as_bytes().ct_eq(secret.as_bytes()))
        {
            return kept.key.clone();
        }
        let key = SigningKey::derive(secret, &date, &self.options.region, &self.options.service);
        if keys.len() >= MAX_CACHED_KEYS {
            keys.clear();
        }
        let kept = CachedKey { date, secret: Zeroizing::new(secret.clone()), key: key.clone() };
        keys.insert(claim.access_key_id.to_owned(), kept);
        key
    }
}

/// `host`, and every `x-amz-` header that is there, has to be signed.
pub(crate) fn check_signed_headers(
    claim: &Claim<'_>,
    headers: &[Header<'_>],
) -> Result<(), SignatureError> {
    let is_signed = |name: &str| claim.signed_names.binary_search(&name).is_ok();
    if !is_signed("host") {
        return Err(SignatureError::invalid(
            "'Host' must be a 'SignedHeader' in the AWS Authorization.",
        ));
    }
    let mut seen = vec![0_usize; claim.signed_names.len()];
    for (name, _) in headers {
        match claim.signed_names.binary_search_by(|known| in_lower_case(known.as_bytes(), name)) {
            Ok(place) => seen[place] += 1,
            Err(_) if name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"x-amz-")) => {
                let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                return Err(SignatureError::invalid(format!(
                    "'{name}' must be a 'SignedHeader' in the AWS Authorization."
                )));
            }
            Err(_) => {}
        }
    }
    for (name, times) in claim.signed_names.iter().zip(seen) {
        if times == 0 {
            return Err(SignatureError::invalid(format!(
                "The signed header '{name}' is not in the request."
            )));
        }
        if times > 1 && *name == "host" {
            return Err(SignatureError::incomplete("The host header is repeated."));
        }
    }
    Ok(())
}

/// Compares a signed name with a header's name, whose case does not matter.
fn in_lower_case(known: &[u8], name: &[u8]) -> Ordering {
    known.iter().copied().cmp(name.iter().map(u8::to_ascii_lowercase))
}

pub(crate) fn check_token(
    claim: &Claim<'_>,
    credentials: &Credentials,
) -> Result<(), SignatureError> {
    let expected = credentials.session_token().unwrap_or_default();
    let given = claim.token.as_deref().unwrap_or_default();
    if bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
        Ok(())
    } else {
        Err(SignatureError::unrecognized())
    }
}

/// Hides the session token's value in a canonical request.
///
/// Every line is looked at: a method with a line end in it would shift the query's.
pub(crate) fn without_token(canonical: &[u8]) -> String {
    let text = String::from_utf8_lossy(canonical);
    let mut shown = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            shown.push('\n');
        }
        if line.starts_with("x-amz-security-token:") {
            shown.push_str("x-amz-security-token:<hidden>");
            continue;
        }
        for (number, pair) in line.split('&').enumerate() {
            if number > 0 {
                shown.push('&');
            }
            let hidden = pair.starts_with("X-Amz-Security-Token=");
            shown.push_str(if hidden { "X-Amz-Security-Token=<hidden>" } else { pair });
        }
    }
    shown
}
