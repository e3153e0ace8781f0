//! Request ids: UUIDs of version 4 (RFC 9562), from a seed and a counter.
//!
//! They tell requests apart in logs and are no secret, so a mixing function is enough.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::HeaderValue;

/// Makes request ids.
pub(super) struct RequestIds {
    seed: [u64; 2],
    counter: AtomicU64,
}

impl RequestIds {
    pub(super) fn new(seed: [u64; 2]) -> Self {
        Self { seed, counter: AtomicU64::new(0) }
    }

    pub(super) fn next(&self) -> HeaderValue {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let high = mixed(self.seed[0], count);
        let low = mixed(self.seed[1], count);
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0x0fff,
            (low >> 48) & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff,
        );
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static(""))
    }
}

/// SplitMix64's output function (Steele, Lea and Flood, OOPSLA 2014).
fn mixed(seed: u64, count: u64) -> u64 {
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
        let ids = RequestIds::new([1, 2]);
        let made: HashSet<_> = (0..1000).map(|_| ids.next()).collect();
        assert_eq!(made.len(), 1000);
        for id in made {
            let text = id.to_str().unwrap();
            assert_eq!(text.len(), 36);
            assert_eq!(&text[14..15], "4");
            assert!("89ab".contains(&text[19..20]));
        }
    }
}
