//! The headers of a message: a name, a type, a value.

use super::MAX_HEADERS_BYTES;
use super::error::{EncodeError, FrameError};

/// A header's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderValue<'a> {
    /// Types 0 and 1.
    Bool(bool),
    /// Types 2 to 5: a signed integer of 1, 2, 4 or 8 bytes.
    Integer {
        /// Its length in bytes.
        bytes: u8,
        /// Its value.
        value: i64,
    },
    /// Type 6: up to 65,535 bytes.
    Bytes(&'a [u8]),
    /// Type 7: up to 65,535 bytes of UTF-8.
    Text(&'a str),
    /// Type 8: milliseconds since 1970.
    Timestamp(i64),
    /// Type 9: 16 bytes.
    Uuid(&'a [u8]),
}

/// Encodes headers.
pub fn encode_headers(headers: &[(&str, HeaderValue<'_>)]) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(96);
    for (name, value) in headers {
        match u8::try_from(name.len()) {
            Ok(length) if length > 0 => out.push(length),
            _ => return Err(EncodeError::Name(name.len())),
        }
        out.extend_from_slice(name.as_bytes());
        match *value {
            HeaderValue::Bool(value) => out.push(u8::from(!value)),
            HeaderValue::Integer { bytes, value } => {
                let (kind, skipped) = match bytes {
                    1 => (2, 7),
                    2 => (3, 6),
                    4 => (4, 4),
                    _ => (5, 0),
                };
                out.push(kind);
                out.extend_from_slice(&value.to_be_bytes()[skipped..]);
            }
            HeaderValue::Bytes(value) => push_sized(&mut out, 6, value)?,
            HeaderValue::Text(value) => push_sized(&mut out, 7, value.as_bytes())?,
            HeaderValue::Timestamp(milliseconds) => {
                out.push(8);
                out.extend_from_slice(&milliseconds.to_be_bytes());
            }
            HeaderValue::Uuid(value) => {
                out.push(9);
                out.extend_from_slice(value);
            }
        }
    }
    if out.len() > MAX_HEADERS_BYTES {
        return Err(EncodeError::Headers(out.len()));
    }
    Ok(out)
}

fn push_sized(out: &mut Vec<u8>, kind: u8, value: &[u8]) -> Result<(), EncodeError> {
    let length = u16::try_from(value.len()).map_err(|_| EncodeError::Value(value.len()))?;
    out.push(kind);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// Reads headers.
///
/// As botocore does, a name, a text or bytes that would run beyond the end are cut there; a number
/// that is cut is an error.
pub fn parse_headers(bytes: &[u8]) -> Result<Vec<(&str, HeaderValue<'_>)>, FrameError> {
    let mut left = Left(bytes);
    let mut headers: Vec<(&str, HeaderValue<'_>)> = Vec::with_capacity(4);
    while let Some((&length, rest)) = left.0.split_first() {
        left.0 = rest;
        let name = std::str::from_utf8(left.take(usize::from(length)))
            .map_err(|_| FrameError::Headers("a name is not UTF-8".to_owned()))?;
        let [kind] = left.exactly(name)?;
        let value = match kind {
            0 => HeaderValue::Bool(true),
            1 => HeaderValue::Bool(false),
            2 => integer(1, i8::from_be_bytes(left.exactly(name)?)),
            3 => integer(2, i16::from_be_bytes(left.exactly(name)?)),
            4 => integer(4, i32::from_be_bytes(left.exactly(name)?)),
            5 => integer(8, i64::from_be_bytes(left.exactly(name)?)),
            6 => HeaderValue::Bytes(left.sized(name)?),
            7 => HeaderValue::Text(std::str::from_utf8(left.sized(name)?).map_err(|_| {
                FrameError::Headers(format!("the value of \"{name}\" is not UTF-8"))
            })?),
            8 => HeaderValue::Timestamp(i64::from_be_bytes(left.exactly(name)?)),
            9 => HeaderValue::Uuid(left.take(16)),
            kind => {
                let problem = format!("\"{name}\" has the unknown type {kind}");
                return Err(FrameError::Headers(problem));
            }
        };
        if headers.iter().any(|(known, _)| *known == name) {
            return Err(FrameError::DuplicateHeader(name.to_owned()));
        }
        headers.push((name, value));
    }
    Ok(headers)
}

fn integer(bytes: u8, value: impl Into<i64>) -> HeaderValue<'static> {
    HeaderValue::Integer { bytes, value: value.into() }
}

/// What is left of the headers.
struct Left<'a>(&'a [u8]);

impl<'a> Left<'a> {
    /// So many bytes, or all there are.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn exactly<const N: usize>(&mut self, name: &str) -> Result<[u8; N], FrameError> {
        let Some((taken, rest)) = self.0.split_first_chunk() else {
            return Err(FrameError::Headers(format!("they end inside \"{name}\"")));
        };
        self.0 = rest;
        Ok(*taken)
    }

    /// Bytes behind their length.
    fn sized(&mut self, name: &str) -> Result<&'a [u8], FrameError> {
        let length = u16::from_be_bytes(self.exactly(name)?);
        Ok(self.take(usize::from(length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_goes_both_ways() {
        let headers = [
            ("t", HeaderValue::Bool(true)),
            ("f", HeaderValue::Bool(false)),
            ("b", integer(1, -1_i8)),
            ("s", integer(2, -2_i16)),
            ("i", integer(4, 3_i32)),
            ("l", integer(8, i64::MIN)),
            ("y", HeaderValue::Bytes(b"\x00\xff")),
            ("x", HeaderValue::Text("\u{e9}")),
            ("d", HeaderValue::Timestamp(1_700_000_000_000)),
            ("u", HeaderValue::Uuid(b"0123456789abcdef")),
        ];
        let encoded = encode_headers(&headers).expect("short");
        assert_eq!(parse_headers(&encoded).expect("sound"), headers);
    }

    #[test]
    fn what_runs_over_is_cut_but_not_a_number() {
        let cut = |bytes: &'static [u8]| parse_headers(bytes);
        assert_eq!(cut(b"\x01a\x07\x00\x50ab"), Ok(vec![("a", HeaderValue::Text("ab"))]));
        assert_eq!(cut(b"\x01a\x0912"), Ok(vec![("a", HeaderValue::Uuid(b"12"))]));
        let problem = FrameError::Headers("they end inside \"a\"".to_owned());
        for bytes in [&b"\x01a"[..], b"\x05a", b"\x01a\x04\0\0\0", b"\x01a\x07\0"] {
            assert_eq!(cut(bytes), Err(problem.clone()), "{bytes:?}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let long = "n".repeat(256);
        let value = vec![0; 65_536];
        let name = |name| encode_headers(&[(name, HeaderValue::Bool(true))]);
        assert_eq!(name(&long), Err(EncodeError::Name(256)));
        assert_eq!(name(""), Err(EncodeError::Name(0)));
        let result = encode_headers(&[("a", HeaderValue::Bytes(&value))]);
        assert_eq!(result, Err(EncodeError::Value(65_536)));
        let most = HeaderValue::Bytes(&value[..65_535]);
        let result = encode_headers(&[("a", most), ("b", most), ("c", most)]);
        assert_eq!(result, Err(EncodeError::Headers(3 * 65_540)));
    }
}
