//! Writing a message, and the three kinds of them that a response stream has.

use super::error::EncodeError;
use super::frame::FRAME_BYTES;
use super::header::{HeaderValue, encode_headers};
use super::{MAX_PAYLOAD_BYTES, PART_EVENT};

/// A whole message.
pub fn encode_message(
    headers: &[(&str, HeaderValue<'_>)],
    payload: &[u8],
) -> Result<Vec<u8>, EncodeError> {
    let too_long = EncodeError::Payload(payload.len());
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(too_long);
    }
    let headers = encode_headers(headers)?;
    let total = FRAME_BYTES + headers.len() + payload.len();
    let mut message = Vec::with_capacity(total);
    for length in [total, headers.len()] {
        let length = u32::try_from(length).map_err(|_| too_long.clone())?;
        message.extend_from_slice(&length.to_be_bytes());
    }
    let checksum = crc32fast::hash(&message);
    message.extend_from_slice(&checksum.to_be_bytes());
    message.extend_from_slice(&headers);
    message.extend_from_slice(payload);
    let checksum = crc32fast::hash(&message);
    message.extend_from_slice(&checksum.to_be_bytes());
    Ok(message)
}

/// A piece of the model's answer, as the service sends it.
pub fn encode_part(payload: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let headers = [
        (":event-type", HeaderValue::Text(PART_EVENT)),
        (":content-type", HeaderValue::Text("application/octet-stream")),
        (":message-type", HeaderValue::Text("event")),
    ];
    encode_message(&headers, payload)
}

/// A modeled error inside a stream: `ModelStreamError` or `InternalStreamFailure`, and its JSON.
pub fn encode_exception(name: &str, json: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let headers = [
        (":exception-type", HeaderValue::Text(name)),
        (":content-type", HeaderValue::Text("application/json")),
        (":message-type", HeaderValue::Text("exception")),
    ];
    encode_message(&headers, json)
}

/// An error inside a stream that is not modeled.
pub fn encode_error(code: &str, message: &str) -> Result<Vec<u8>, EncodeError> {
    let headers = [
        (":error-code", HeaderValue::Text(code)),
        (":error-message", HeaderValue::Text(message)),
        (":message-type", HeaderValue::Text("error")),
    ];
    encode_message(&headers, b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_the_services() {
        let message = encode_part(b"hello ").expect("short");
        assert_eq!(&message[..12], b"\0\0\0o\0\0\0Yl\xf7\xd6\xa5");
        assert!(message.ends_with(b"eventhello \x90\x1b\xe2\xb4"));
    }

    #[test]
    fn a_payload_has_a_limit() {
        assert!(encode_part(&vec![0; MAX_PAYLOAD_BYTES]).is_ok());
        let result = encode_part(&vec![0; MAX_PAYLOAD_BYTES + 1]);
        assert_eq!(result, Err(EncodeError::Payload(25_165_825)));
    }
}
