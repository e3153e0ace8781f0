//! Why a signature is refused, for the person who has to mend it.

use super::claim::{Claim, Fields};
use super::key::{push_hex, sha256};
use super::sign::{Payload, push_string_to_sign, text};
use super::verify::{Received, Verifier, VerifierOptions, check_signed_headers, without_token};
use super::{Credentials, Header, SignatureError, UNSIGNED_PAYLOAD};

/// What a verifier made of a request. Holds no secret: a session token is hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The canonical request as the verifier has it; empty if the signature's form is broken.
    pub canonical_request: String,
    /// The string to sign that follows from it; empty if the signature's form is broken.
    pub string_to_sign: String,
    /// The first thing that differs; `None` if the signature is accepted.
    pub difference: Option<String>,
}

impl Verifier {
    /// Checks as `verify` does, and says what it saw.
    pub fn explain<E: From<SignatureError>>(
        &self,
        method: &[u8],
        target: &[u8],
        headers: &[Header<'_>],
        payload: Payload<'_>,
        lookup: impl FnOnce(&str) -> Result<Option<Credentials>, E>,
        now: i64,
    ) -> Result<Explanation, E> {
        let received = Received::new(method, target, headers, payload);
        let broken = |error: &SignatureError| Explanation {
            canonical_request: String::new(),
            string_to_sign: String::new(),
            difference: Some(error.message.clone()),
        };
        let fields = match Fields::find(received.query, headers) {
            Ok(fields) => fields,
            Err(error) => return Ok(broken(&error)),
        };
        let claim = match fields.claim() {
            Ok(claim) => claim,
            Err(error) => return Ok(broken(&error)),
        };
        let hash = match received.payload_hash() {
            Ok(hash) => hash,
            Err(error) => return Ok(broken(&error)),
        };
        let canonical = self.canonical_request(&received, &claim, &hash);
        let shown = without_token(&canonical);
        let mut string_to_sign = Vec::new();
        let (region, service) = (claim.region, claim.service);
        let digest = sha256(&canonical);
        push_string_to_sign(&mut string_to_sign, claim.timestamp, region, service, &digest);
        let credentials = lookup(claim.access_key_id)?;
        let difference = self
            .check_scope(&claim)
            .and_then(|()| check_signed_headers(&claim, headers))
            .and_then(|()| credentials.ok_or_else(SignatureError::unrecognized))
            .and_then(|credentials| {
                self.check_claim(&received, &claim, &credentials, now)
                    .map_err(|error| self.most_likely(&received, &claim, &credentials, error))
            })
            .err()
            .map(|error| error.message);
        Ok(Explanation {
            canonical_request: shown,
            string_to_sign: text(string_to_sign),
            difference,
        })
    }

    /// Replaces "does not match" by the usual mistake that would explain it, if one does.
    fn most_likely(
        &self,
        received: &Received<'_>,
        claim: &Claim<'_>,
        credentials: &Credentials,
        error: SignatureError,
    ) -> SignatureError {
        if error != SignatureError::mismatch() {
            return error;
        }
        let said = |what: &str| SignatureError::invalid(what.to_owned());
        let Ok(hash) = received.payload_hash() else { return error };
        let mut empty = Vec::new();
        push_hex(&mut empty, &sha256(b""));
        for (other, what) in [
            (empty.as_slice(), "The payload: the signature is that of an empty body."),
            (UNSIGNED_PAYLOAD.as_bytes(), "The payload: the signature leaves it unsigned."),
        ] {
            let canonical = self.canonical_request(received, claim, other);
            if self.is_signature_of(&canonical, claim, credentials) {
                return said(what);
            }
        }
        for (normalize_path, double_encode) in
            [(true, true), (true, false), (false, true), (false, false)]
        {
            let options = VerifierOptions { normalize_path, double_encode, ..self.options.clone() };
            let other = Self::new(options);
            let canonical = other.canonical_request(received, claim, &hash);
            if other.is_signature_of(&canonical, claim, credentials) {
                return said(&format!(
                    "The path: the signature is that of normalize_path={}, double_encode={}.",
                    python_bool(normalize_path),
                    python_bool(double_encode)
                ));
            }
        }
        let upper = received.method.to_ascii_uppercase();
        let shouted = Received { method: &upper, ..*received };
        let canonical = self.canonical_request(&shouted, claim, &hash);
        if self.is_signature_of(&canonical, claim, credentials) {
            return said("The method: the signature is that of the method in upper case.");
        }
        error
    }
}

fn python_bool(flag: bool) -> &'static str {
    if flag { "True" } else { "False" }
}
