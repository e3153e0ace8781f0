//! The bytes that have arrived and are not used yet, in a buffer that is kept from call to call.

/// What a buffer may keep between two calls, in bytes; a larger one was for one large head.
const KEPT_BYTES: usize = 65_536;

/// A buffer that is filled at its end and used up at its start.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// Zeroed once, when it grows.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Arrived {
    /// What is not used yet.
    pub(crate) fn here(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Uses up the first bytes.
    pub(crate) fn take(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room for `count` more bytes.
    pub(crate) fn space(&mut self, count: usize) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let needed = self.end + count;
        if self.bytes.len() < needed {
            self.bytes.resize(needed, 0);
        }
        &mut self.bytes[self.end..needed]
    }

    /// So many bytes have been written into the space.
    pub(crate) fn add(&mut self, count: usize) {
        self.end = self.bytes.len().min(self.end + count);
    }

    /// Gives back the memory of an unusual call. Nothing may be left in the buffer.
    pub(crate) fn shrink(&mut self) {
        if self.start == self.end && self.bytes.len() > KEPT_BYTES {
            self.bytes.truncate(KEPT_BYTES);
            self.bytes.shrink_to_fit();
            self.start = 0;
            self.end = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arrived;

    fn put(arrived: &mut Arrived, data: &[u8]) {
        arrived.space(data.len() + 3)[..data.len()].copy_from_slice(data);
        arrived.add(data.len());
    }

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut arrived = Arrived::default();
        put(&mut arrived, b"hello");
        arrived.take(2);
        put(&mut arrived, b" you");
        assert_eq!(arrived.here(), b"llo you");
        arrived.take(100);
        assert_eq!(arrived.here(), b"");
        put(&mut arrived, b"x");
        assert_eq!(arrived.here(), b"x");
    }

    #[test]
    fn the_memory_of_a_large_head_is_given_back_once_it_is_used() {
        let mut arrived = Arrived::default();
        put(&mut arrived, &vec![1; 1_000_000]);
        arrived.shrink();
        assert_eq!(arrived.here().len(), 1_000_000);
        arrived.take(1_000_000);
        arrived.shrink();
        assert!(arrived.bytes.capacity() <= super::KEPT_BYTES);
        put(&mut arrived, b"again");
        assert_eq!(arrived.here(), b"again");
    }
}
