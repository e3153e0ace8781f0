//! Event-stream messages (`application/vnd.amazon.eventstream`).
//!
//! A message is a prelude (total length, headers' length, CRC-32 of both), headers, a payload and a
//! CRC-32 of everything before it, all big-endian:
//! <https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html>.
//!
//! ```text
//! header.rs  the headers of a message, both ways
//! encode.rs  writing a message, and the three kinds that a response stream has
//! frame.rs   where a message begins and ends, and whether its checksums are right
//! decode.rs  messages out of bytes that arrive in pieces
//! lines.rs   whole lines out of payloads that are cut anywhere
//! error.rs   what can be wrong
//! ```

mod decode;
mod encode;
mod error;
mod frame;
mod header;
mod lines;

pub use decode::{Decoder, Message};
pub use encode::{encode_error, encode_exception, encode_message, encode_part};
pub use error::{EncodeError, FrameError};
pub use header::{HeaderValue, encode_headers, parse_headers};
pub use lines::Lines;

/// The longest payload of a message, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 25_165_824;
/// The longest headers of a message, in bytes.
pub const MAX_HEADERS_BYTES: usize = 131_072;
/// The event that carries a piece of the model's answer.
pub const PART_EVENT: &str = "PayloadPart";
