//! Numbers that look random, and the ids made of them, from a seed and a counter.
//!
//! They spread load and tell requests apart in logs; they are no secret, so a mixing function is
//! enough.

use std::sync::atomic::{AtomicU64, Ordering};

/// Makes numbers and ids.
pub(super) struct Random {
    seed: [u64; 2],
    counter: AtomicU64,
}

impl Random {
    pub(super) fn new(seed: [u64; 2]) -> Self {
        Self { seed, counter: AtomicU64::new(0) }
    }

    /// The next number.
    pub(super) fn next(&self) -> u64 {
        mixed(self.seed[0], self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// The next number, from 0 up to but without 1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(super) fn fraction(&self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next id: a UUID of version 4 (RFC 9562).
    pub(super) fn id(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let (high, low) = (mixed(self.seed[0], count), mixed(self.seed[1], count));
        let high = high & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        let bits = u128::from(high) << 64 | u128::from(low);
        let mut id = String::with_capacity(36);
        for place in 0..32 {
            if matches!(place, 8 | 12 | 16 | 20) {
                id.push('-');
            }
            let digit = (bits >> (124 - 4 * place)) & 0xf;
            id.push(char::from(DIGITS[usize::try_from(digit).unwrap_or_default()]));
        }
        id
    }
}

/// SplitMix64's output function (Steele, Lea and Flood, OOPSLA 2014).
pub(super) fn mixed(seed: u64, count: u64) -> u64 {
    let mut word = seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_uuids_and_differ() {
        let random = Random::new([1, 2]);
        let made: HashSet<_> = (0..1000).map(|_| random.id()).collect();
        assert_eq!(made.len(), 1000);
        for id in made {
            assert_eq!(id.len(), 36);
            assert_eq!(&id[14..15], "4");
            assert!("89ab".contains(&id[19..20]));
            assert_eq!(id.matches('-').count(), 4);
        }
    }

    #[test]
    fn fractions_fill_the_unit() {
        let random = Random::new([3, 4]);
        let made: Vec<_> = (0..10_000).map(|_| random.fraction()).collect();
        assert!(made.iter().all(|number| (0.0..1.0).contains(number)));
        let tenths: HashSet<_> =
            made.iter().map(|number| (number * 10.0).to_string().as_bytes()[0]).collect();
        assert_eq!(tenths.len(), 10);
    }
}
