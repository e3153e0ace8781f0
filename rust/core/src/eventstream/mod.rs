//! Event-stream messages (`application/vnd.amazon.eventstream`).
//!
//! A message is a prelude (total length, headers' length, CRC-32 of both), headers, a payload and a
//! CRC-32 of everything before it, all big-endian:
//! <https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html>.

mod encode;
mod header;

pub use encode::encode_message;
pub use header::{HeaderValue, encode_headers};

/// The longest payload of a message, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 25_165_824;
