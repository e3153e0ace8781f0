//! Where a message begins and ends, and whether its lengths and checksums are right.

use std::ops::Range;

use super::error::FrameError;
use super::{MAX_HEADERS_BYTES, MAX_PAYLOAD_BYTES};

/// Two lengths and their checksum.
const PRELUDE_BYTES: usize = 12;
/// The prelude and the message's own checksum.
pub(super) const FRAME_BYTES: usize = 16;

/// A whole message at the start of some bytes: where its parts lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) headers: Range<usize>,
    pub(super) payload: Range<usize>,
    pub(super) end: usize,
}

/// Finds the message that `bytes` begin with; `None` where it is not all there yet.
///
/// The prelude is judged as soon as it is there, the rest once all of it is. The order of the checks
/// is botocore's, so that the same error comes first.
pub(super) fn find(bytes: &[u8]) -> Result<Option<Frame>, FrameError> {
    let Some((prelude, _)) = bytes.split_first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
    let (lengths, expected) = prelude.split_at(8);
    let calculated = crc32fast::hash(lengths);
    if be32(expected) != calculated {
        return Err(FrameError::Checksum { expected: be32(expected), calculated });
    }
    let (total, headers) = (be32(&lengths[..4]), be32(&lengths[4..]));
    let most = u32::try_from(MAX_HEADERS_BYTES).unwrap_or(u32::MAX);
    if headers > most {
        return Err(FrameError::HeadersTooLong { length: headers, maximum: most });
    }
    let framing = u32::try_from(FRAME_BYTES).unwrap_or(u32::MAX);
    let payload = total.saturating_sub(framing).saturating_sub(headers);
    if usize_of(payload) > MAX_PAYLOAD_BYTES {
        return Err(FrameError::PayloadTooLong(payload));
    }
    if total < 4 {
        return Err(FrameError::TooShort(total));
    }
    let Some(message) = bytes.get(..usize_of(total)) else { return Ok(None) };
    let (before, expected) = message.split_at(message.len() - 4);
    let mut hasher = crc32fast::Hasher::new_with_initial(calculated);
    hasher.update(before.get(8..).unwrap_or_default());
    let (expected, calculated) = (be32(expected), hasher.finalize());
    if expected != calculated {
        return Err(FrameError::Checksum { expected, calculated });
    }
    let Some(room) = total.checked_sub(framing) else { return Err(FrameError::TooShort(total)) };
    if headers > room {
        return Err(FrameError::HeadersTooLong { length: headers, maximum: room });
    }
    let headers_end = PRELUDE_BYTES + usize_of(headers);
    Ok(Some(Frame {
        headers: PRELUDE_BYTES..headers_end,
        payload: headers_end..before.len(),
        end: message.len(),
    }))
}

fn be32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |four| u32::from_be_bytes(*four))
}

fn usize_of(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
