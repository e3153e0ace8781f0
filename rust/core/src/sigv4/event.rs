//! A chain of signed event-stream messages: each signature covers the one before it.
//!
//! The message carries two headers, `:date` and `:chunk-signature`; its payload is the message that
//! is signed. The string to sign is that of
//! <https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html>.

use super::key::{SigningKey, push_hex, sha256};
use super::sign::{Signer, push_scope, text};
use super::timestamp::Timestamp;
use super::{InvalidArgument, key};
use crate::eventstream::{EncodeError, HeaderValue, encode_headers, encode_message};

/// Signs one event after the other.
pub struct EventSigner {
    key: Box<dyn Fn(Timestamp) -> SigningKey + Send + Sync>,
    region: String,
    service: String,
    prior_signature: [u8; 32],
}

impl Signer {
    /// A chain that begins with the signature of the request that opened the stream.
    pub fn event_signer(
        self: &std::sync::Arc<Self>,
        seed_signature: &str,
    ) -> Result<EventSigner, InvalidArgument> {
        let prior_signature = key::parse_signature(seed_signature.as_bytes()).ok_or_else(|| {
            let problem = "it is not a signature";
            InvalidArgument::new("seed_signature", problem, "64 lower-case hexadecimal digits")
        })?;
        let signer = std::sync::Arc::clone(self);
        Ok(EventSigner {
            region: self.options.region.clone(),
            service: self.options.service.clone(),
            key: Box::new(move |timestamp| signer.key_of(timestamp)),
            prior_signature,
        })
    }
}

impl EventSigner {
    /// The next signed message around `payload`; `at` is in seconds since 1970.
    pub fn sign(&mut self, payload: &[u8], at: i64) -> Result<Vec<u8>, InvalidArgument> {
        let timestamp = Timestamp::from_epoch(at)?;
        let date = (":date", HeaderValue::Timestamp(at.saturating_mul(1000)));
        let unwritable = |error: EncodeError| {
            let (argument, allowed) = error.argument();
            InvalidArgument::new(argument, error.to_string(), allowed)
        };
        let signed_headers = encode_headers(&[date]).map_err(unwritable)?;
        let mut string_to_sign = Vec::with_capacity(320);
        string_to_sign.extend_from_slice(b"AWS4-HMAC-SHA256-PAYLOAD\n");
        string_to_sign.extend_from_slice(timestamp.as_str().as_bytes());
        string_to_sign.push(b'\n');
        push_scope(&mut string_to_sign, timestamp, &self.region, &self.service);
        for hash in [self.prior_signature, sha256(&signed_headers), sha256(payload)] {
            string_to_sign.push(b'\n');
            push_hex(&mut string_to_sign, &hash);
        }
        let signature = (self.key)(timestamp).sign(&string_to_sign);
        let chunk_signature = (":chunk-signature", HeaderValue::Bytes(&signature));
        let message = encode_message(&[date, chunk_signature], payload).map_err(unwritable)?;
        self.prior_signature = signature;
        Ok(message)
    }

    /// The signature that the next one will cover, in hexadecimal.
    pub fn prior_signature(&self) -> String {
        let mut hex = Vec::with_capacity(64);
        push_hex(&mut hex, &self.prior_signature);
        text(hex)
    }
}
