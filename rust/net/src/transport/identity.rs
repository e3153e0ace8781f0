//! The ids of calls: random bytes as UUIDs in text.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::rand::{SecureRandom, SystemRandom};

/// How many random bytes a thread asks the system for: as many cost hardly more than a few.
const BYTES_AT_ONCE: usize = 16 * 32;

/// How often this process, or those that it descends from, has been a child of a fork.
static FORKS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static AT_HAND: RefCell<AtHand> =
        const { RefCell::new(AtHand { bytes: [0; BYTES_AT_ONCE], left: 0, forks: 0 }) };
}

/// Random bytes, of which the first `left` have not been used.
struct AtHand {
    bytes: [u8; BYTES_AT_ONCE],
    left: usize,
    forks: u64,
}

/// To be told in the child of a fork, which would hand out its parent's ids.
pub fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// How often this process has become a child, as far as it has been told.
pub(crate) fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// One id of version 4 of RFC 9562 for each 16 bytes of `random`.
pub fn identities(random: &[u8]) -> Vec<String> {
    random.chunks_exact(16).map(|bytes| Identity::of(bytes).as_str().to_owned()).collect()
}

/// An id of version 4 of RFC 9562.
pub struct Identity([u8; 36]);

impl Identity {
    /// A new one; `None` if the system has no random bytes.
    pub fn random() -> Option<Self> {
        AT_HAND.with_borrow_mut(|hand| {
            let forks = forks();
            if hand.left < 16 || hand.forks != forks {
                SystemRandom::new().fill(&mut hand.bytes).ok()?;
                hand.left = BYTES_AT_ONCE;
                hand.forks = forks;
            }
            hand.left -= 16;
            Some(Self::of(&hand.bytes[hand.left..hand.left + 16]))
        })
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn of(random: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let mut end = 0;
        for (place, byte) in random.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                end += 1;
            }
            let byte = match place {
                6 => byte & 0x0f | 0x40,
                8 => byte & 0x3f | 0x80,
                _ => *byte,
            };
            text[end] = DIGITS[usize::from(byte >> 4)];
            text[end + 1] = DIGITS[usize::from(byte & 15)];
            end += 2;
        }
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES_AT_ONCE, Identity, forked, identities};

    #[test]
    fn version_and_variant_stand_where_they_belong() {
        let random: Vec<u8> = (0..40).map(|place| 0xf0 | place).collect();
        assert_eq!(
            identities(&random),
            ["f0f1f2f3-f4f5-46f7-b8f9-fafbfcfdfeff", "f0f1f2f3-f4f5-46f7-b8f9-fafbfcfdfeff"]
        );
        assert_eq!(identities(&[0; 16]), ["00000000-0000-4000-8000-000000000000"]);
        assert!(identities(&[0; 15]).is_empty());
    }

    #[test]
    fn no_two_are_the_same() {
        let mut made = std::collections::HashSet::new();
        for number in 0..BYTES_AT_ONCE {
            if number % 7 == 0 {
                forked();
            }
            assert!(made.insert(Identity::random().unwrap().as_str().to_owned()));
        }
    }
}
