//! Messages out of bytes that arrive in pieces. No I/O: the bytes in, whole messages out.

use std::ops::Range;

use super::PART_EVENT;
use super::error::FrameError;
use super::frame;
use super::header::{HeaderValue, parse_headers};

/// What the buffer may keep once a large message has gone through, in bytes.
const KEPT_BYTES: usize = 262_144;

/// Takes bytes as they arrive and finds the messages in them.
///
/// What is not a message ends the stream: everything before it is still given out.
#[derive(Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// So many bytes of the buffer are messages that have been found.
    found: usize,
    ready: Vec<Found>,
    failure: Option<FrameError>,
    /// The headers of the last plain part: most messages of a stream have the same.
    part_headers: Vec<u8>,
}

struct Found {
    headers: Range<usize>,
    payload: Range<usize>,
    is_part: bool,
}

/// A message as it lies in the decoder's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// As they stand in the message, and known to be sound: `parse_headers` reads them.
    pub headers: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
    /// Whether this is a plain `PayloadPart`, of which only the payload matters.
    pub is_part: bool,
}

impl Decoder {
    /// Has more bytes put behind those that are waiting, by `read`, and finds the messages in them.
    ///
    /// The messages that were ready before are forgotten.
    pub fn fill<T>(&mut self, read: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.forget();
        let result = read(&mut self.buffer);
        self.scan();
        result
    }

    /// Takes more bytes and finds the messages in them. Those that were ready are forgotten.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failure.is_some() {
            return self.forget();
        }
        self.fill(|buffer| buffer.extend_from_slice(bytes));
    }

    /// The messages that the last bytes completed.
    pub fn ready(&self) -> impl ExactSizeIterator<Item = Message<'_>> {
        self.ready.iter().map(|found| Message {
            headers: &self.buffer[found.headers.clone()],
            payload: &self.buffer[found.payload.clone()],
            is_part: found.is_part,
        })
    }

    /// Forgets the messages that were ready.
    pub fn forget(&mut self) {
        self.ready.clear();
        self.buffer.drain(..self.found);
        self.found = 0;
        if self.buffer.capacity() > KEPT_BYTES && self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }

    /// What ended the stream, once the messages before it have been given out.
    pub fn failure(&self) -> Option<&FrameError> {
        self.failure.as_ref()
    }

    /// How many bytes of a message have arrived whose end has not.
    pub fn unfinished(&self) -> usize {
        self.buffer.len() - self.found
    }

    fn scan(&mut self) {
        while self.failure.is_none() {
            let rest = &self.buffer[self.found..];
            let frame = match frame::find(rest) {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => {
                    self.failure = Some(error);
                    return;
                }
            };
            let headers = &rest[frame.headers.clone()];
            let is_part = if !self.part_headers.is_empty() && self.part_headers == headers {
                true
            } else {
                match is_plain_part(headers) {
                    Ok(true) => {
                        self.part_headers.clear();
                        self.part_headers.extend_from_slice(headers);
                        true
                    }
                    Ok(false) => false,
                    Err(error) => {
                        self.failure = Some(error);
                        return;
                    }
                }
            };
            let moved = |range: Range<usize>| self.found + range.start..self.found + range.end;
            let (headers, payload) = (moved(frame.headers), moved(frame.payload));
            self.ready.push(Found { headers, payload, is_part });
            self.found += frame.end;
        }
    }
}

/// Whether these are the headers of a part, and not of an error that calls itself one.
fn is_plain_part(headers: &[u8]) -> Result<bool, FrameError> {
    let mut named = false;
    let mut failed = false;
    for (name, value) in parse_headers(headers)? {
        match (name, value) {
            (":event-type", HeaderValue::Text(text)) => named = text == PART_EVENT,
            (":message-type", HeaderValue::Text("error" | "exception")) => failed = true,
            _ => {}
        }
    }
    Ok(named && !failed)
}

#[cfg(test)]
mod tests {
    use super::super::encode::{encode_error, encode_part};
    use super::*;

    fn payloads(decoder: &Decoder) -> Vec<Vec<u8>> {
        decoder.ready().map(|message| message.payload.to_vec()).collect()
    }

    #[test]
    fn a_large_message_is_not_kept() {
        let mut decoder = Decoder::default();
        decoder.feed(&encode_part(&vec![7; 1_000_000]).expect("short"));
        assert_eq!(decoder.ready().len(), 1);
        decoder.feed(b"");
        assert!(decoder.buffer.capacity() <= KEPT_BYTES);
        decoder.feed(&encode_part(b"x").expect("short"));
        assert_eq!(payloads(&decoder), [b"x"]);
    }

    #[test]
    fn a_failure_comes_after_what_was_before_it() {
        let mut decoder = Decoder::default();
        let mut bytes = encode_part(b"1").expect("short");
        bytes.extend_from_slice(&encode_error("a", "b").expect("short"));
        let end = bytes.len();
        bytes.extend_from_slice(&encode_part(b"2").expect("short"));
        bytes[end + 20] ^= 1;
        bytes.extend_from_slice(&encode_part(b"3").expect("short"));
        decoder.feed(&bytes);
        assert_eq!(payloads(&decoder), [&b"1"[..], b""]);
        assert_eq!(decoder.ready().map(|m| m.is_part).collect::<Vec<_>>(), [true, false]);
        assert!(matches!(decoder.failure(), Some(FrameError::Checksum { .. })));
        decoder.feed(&encode_part(b"4").expect("short"));
        assert_eq!(decoder.ready().len(), 0);
    }
}
