//! Hashes, and the signing key with its cache.

use std::sync::{Mutex, TryLockError};

use ring::{digest, hmac};
use zeroize::Zeroizing;

use super::TERMINATOR;

/// A date as `YYYYMMDD`.
pub(crate) type DateStamp = [u8; 8];

/// The key of one day, region, service and secret.
#[derive(Clone)]
pub(crate) struct SigningKey(hmac::Key);

impl SigningKey {
    /// The four-step derivation: date, region, service, `aws4_request`.
    pub(crate) fn derive(secret: &str, date: &[u8], region: &str, service: &str) -> Self {
        let mut seed = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
        seed.extend_from_slice(b"AWS4");
        seed.extend_from_slice(secret.as_bytes());
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, &seed);
        for step in [date, region.as_bytes(), service.as_bytes(), TERMINATOR.as_bytes()] {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step).as_ref());
        }
        Self(key)
    }

    /// The signature of a string to sign.
    pub(crate) fn sign(&self, string_to_sign: &[u8]) -> [u8; 32] {
        let mut signature = [0; 32];
        signature.copy_from_slice(hmac::sign(&self.0, string_to_sign).as_ref());
        signature
    }
}

/// Remembers the key of the day that was last asked for.
///
/// Region, service and secret are the owner's and never change in its life, so the date is all that
/// tells one key from another. A call across midnight derives a new one; two threads on two sides
/// of midnight each get their own, whichever is kept.
#[derive(Default)]
pub(crate) struct KeyOfTheDay(Mutex<Option<(DateStamp, SigningKey)>>);

impl KeyOfTheDay {
    /// The key of `date`, derived by `derive` unless it is the one remembered.
    pub(crate) fn get(&self, date: DateStamp, derive: impl FnOnce() -> SigningKey) -> SigningKey {
        // Never waited for: a thread may have had it that is not there any more, after a fork.
        let mut kept = match self.0.try_lock() {
            Ok(kept) => kept,
            // The value behind a poisoned lock is still whole: it is replaced in one assignment.
            Err(TryLockError::Poisoned(kept)) => kept.into_inner(),
            Err(TryLockError::WouldBlock) => return derive(),
        };
        match &*kept {
            Some((day, key)) if *day == date => key.clone(),
            _ => {
                let key = derive();
                *kept = Some((date, key.clone()));
                key
            }
        }
    }
}

pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, data).as_ref());
    hash
}

/// The hexadecimal SHA-256 of `data`, in lower case.
pub fn sha256_hex(data: &[u8]) -> String {
    String::from_utf8(hex(&sha256(data)).to_vec()).unwrap_or_default()
}

/// `bytes` in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

/// Appends `bytes` in lower-case hexadecimal.
pub(crate) fn push_hex(out: &mut Vec<u8>, bytes: &[u8; 32]) {
    out.extend_from_slice(&hex(bytes));
}

/// The 32 bytes of a signature in lower-case hexadecimal.
pub(crate) fn parse_signature(text: &[u8]) -> Option<[u8; 32]> {
    fn digit(byte: u8) -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        }
    }
    let text: &[u8; 64] = text.try_into().ok()?;
    let mut signature = [0; 32];
    for (place, pair) in signature.iter_mut().zip(text.chunks_exact(2)) {
        *place = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(signature)
}

#[cfg(test)]
mod tests {
    use super::{KeyOfTheDay, SigningKey};

    #[test]
    fn a_lock_that_another_has_is_not_waited_for() {
        let key = KeyOfTheDay::default();
        let derive = || SigningKey::derive("secret", b"20260102", "us-east-1", "sagemaker");
        let _held = key.0.lock().unwrap();
        assert_eq!(key.get(*b"20260102", derive).sign(b"text"), derive().sign(b"text"));
    }
}
