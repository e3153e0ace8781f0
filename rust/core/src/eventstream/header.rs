//! The headers of a message: a name, a type, a value.

/// A header's value, as far as messages are written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderValue<'a> {
    /// Type 6: up to 65,535 bytes.
    Bytes(&'a [u8]),
    /// Type 8: milliseconds since 1970.
    Timestamp(i64),
}

/// Encodes headers. Names are ours, and shorter than 256 bytes.
pub fn encode_headers(headers: &[(&'static str, HeaderValue<'_>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    for (name, value) in headers {
        out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(name.as_bytes());
        match value {
            HeaderValue::Bytes(bytes) => {
                out.push(6);
                out.extend_from_slice(
                    &u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes(),
                );
                out.extend_from_slice(bytes);
            }
            HeaderValue::Timestamp(milliseconds) => {
                out.push(8);
                out.extend_from_slice(&milliseconds.to_be_bytes());
            }
        }
    }
    out
}
