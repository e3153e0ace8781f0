//! What can be wrong with a message, by kind and with fields. The words are made in Python.

/// Bytes that are no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// A checksum differs: the one that stands there, and that of the bytes.
    Checksum {
        /// What stands in the message.
        expected: u32,
        /// What its bytes give.
        calculated: u32,
    },
    /// The headers are longer than is allowed, or than the message.
    HeadersTooLong {
        /// Of the headers, in bytes.
        length: u32,
        /// What would be allowed.
        maximum: u32,
    },
    /// The payload is longer than is allowed; its length in bytes.
    PayloadTooLong(u32),
    /// The message is shorter than its own framing; its length in bytes.
    TooShort(u32),
    /// A name stands twice in the headers.
    DuplicateHeader(String),
    /// The headers cannot be read; why.
    Headers(String),
}

/// What cannot be written as a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A header's name has so many bytes.
    #[error("a name has {0} bytes")]
    Name(usize),
    /// A header's value has so many bytes.
    #[error("a value has {0} bytes")]
    Value(usize),
    /// The headers have so many bytes.
    #[error("they have {0} bytes")]
    Headers(usize),
    /// The payload has so many bytes.
    #[error("it has {0} bytes")]
    Payload(usize),
}

impl EncodeError {
    /// The argument that is wrong, and what is allowed of it.
    pub fn argument(&self) -> (&'static str, &'static str) {
        match self {
            Self::Name(_) => ("headers", "names of 1 to 255 bytes"),
            Self::Value(_) => ("headers", "values of at most 65535 bytes"),
            Self::Headers(_) => ("headers", "at most 131072 bytes"),
            Self::Payload(_) => ("payload", "at most 25165824 bytes"),
        }
    }
}
