//! Writing a message.

use super::MAX_PAYLOAD_BYTES;
use super::header::{HeaderValue, encode_headers};

/// Lengths and checksums around headers and payload: two lengths, two checksums of 4 bytes each.
const FRAME_BYTES: usize = 16;

/// A whole message, or `None` if the payload is too long for one.
pub fn encode_message(
    headers: &[(&'static str, HeaderValue<'_>)],
    payload: &[u8],
) -> Option<Vec<u8>> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return None;
    }
    let headers = encode_headers(headers);
    let total = FRAME_BYTES + headers.len() + payload.len();
    let mut message = Vec::with_capacity(total);
    message.extend_from_slice(&u32::try_from(total).ok()?.to_be_bytes());
    message.extend_from_slice(&u32::try_from(headers.len()).ok()?.to_be_bytes());
    let checksum = crc32fast::hash(&message);
    message.extend_from_slice(&checksum.to_be_bytes());
    message.extend_from_slice(&headers);
    message.extend_from_slice(payload);
    let checksum = crc32fast::hash(&message);
    message.extend_from_slice(&checksum.to_be_bytes());
    Some(message)
}
