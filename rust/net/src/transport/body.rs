//! Where a body ends. No I/O: the bytes that have arrived in, the pieces of the body out.

use super::head::ResponseHead;
use super::number::{BEYOND_COUNTING, int};

/// The longest line of chunked framing, in bytes.
const MAX_LINE_BYTES: usize = 65_536;

/// How a body is framed, and how far it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes are left.
    Length(u64),
    /// Until the connection ends.
    ToClose,
    /// In chunks (RFC 9112, section 7.1).
    Chunked(Chunk),
    /// The body is over.
    Done,
}

/// A place in chunked framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// In front of a size line.
    Size,
    /// So many bytes of data are left.
    Data(u64),
    /// Behind data, in front of its line end, of which so many bytes are left.
    LineEnd(u8),
    /// Behind the last chunk.
    Trailer,
    /// Behind the blank line.
    Ended,
}

/// What the bytes that have arrived begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// So many bytes of framing.
    Framing(usize),
    /// So many bytes of the body.
    Data(usize),
    /// Nothing that can be told yet.
    Incomplete,
    /// The end of the body.
    End,
}

/// Chunked framing that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadFraming {
    /// A size line that is no size.
    Size,
    /// A line that is too long; what it would have been.
    LineTooLong(&'static str),
}

impl Framing {
    pub(crate) fn of(head: &ResponseHead) -> Self {
        match head.length() {
            Some(0) => Self::Done,
            Some(length) => Self::Length(length),
            None if head.is_chunked() => Self::Chunked(Chunk::Size),
            None => Self::ToClose,
        }
    }

    /// Whether the connection can serve on after this body.
    pub(crate) fn leaves_reusable(&self, head: &ResponseHead) -> bool {
        // The bytes of a body that must not be there would be taken for the next answer.
        let stated = head.first("content-length").is_some_and(|length| length != b"0");
        let unexpected = matches!(head.status, 204 | 304) && stated;
        !(head.closes() || unexpected || *self == Self::ToClose)
    }

    /// Takes the next piece, of at most `most` bytes of the body, off `arrived`.
    pub(crate) fn next(&mut self, arrived: &[u8], most: usize) -> Result<Piece, BadFraming> {
        let available = u64::try_from(arrived.len().min(most)).unwrap_or(u64::MAX);
        let take = |left: u64| usize::try_from(left.min(available)).unwrap_or(0);
        match self {
            Self::Done => Ok(Piece::End),
            Self::ToClose | Self::Length(_) if arrived.is_empty() => Ok(Piece::Incomplete),
            Self::ToClose => Ok(Piece::Data(take(available))),
            Self::Length(left) => {
                let taken = take(*left);
                *left -= taken as u64;
                if *left == 0 {
                    *self = Self::Done;
                }
                Ok(Piece::Data(taken))
            }
            Self::Chunked(chunk) => match chunk.next(arrived, take)? {
                Piece::End => {
                    *self = Self::Done;
                    Ok(Piece::End)
                }
                piece => Ok(piece),
            },
        }
    }

    /// What the end of the connection means here: the end of the body, or a broken one.
    pub(crate) fn ends_with_connection(&mut self) -> bool {
        let ends = matches!(self, Self::Done | Self::ToClose | Self::Chunked(Chunk::Trailer));
        if ends {
            *self = Self::Done;
        }
        ends
    }
}

impl Chunk {
    fn next(
        &mut self,
        arrived: &[u8],
        take: impl FnOnce(u64) -> usize,
    ) -> Result<Piece, BadFraming> {
        match self {
            Self::Size => {
                let Some(line) = line(arrived, "chunk size")? else {
                    return Ok(Piece::Incomplete);
                };
                let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
                let size = int(digits, 16)
                    .filter(|size| *size < BEYOND_COUNTING)
                    .and_then(|size| u64::try_from(size).ok())
                    .ok_or(BadFraming::Size)?;
                *self = if size == 0 { Self::Trailer } else { Self::Data(size) };
                Ok(Piece::Framing(line.len()))
            }
            Self::Data(_) | Self::LineEnd(_) if arrived.is_empty() => Ok(Piece::Incomplete),
            Self::Data(left) => {
                let taken = take(*left);
                *left -= taken as u64;
                if *left == 0 {
                    *self = Self::LineEnd(2);
                }
                Ok(Piece::Data(taken))
            }
            Self::LineEnd(left) => {
                // Whatever the two bytes are: http.client does not look at them either.
                let taken = arrived.len().min(usize::from(*left));
                *left -= u8::try_from(taken).unwrap_or(*left);
                if *left == 0 {
                    *self = Self::Size;
                }
                Ok(Piece::Framing(taken))
            }
            Self::Trailer => match line(arrived, "trailer line")? {
                None => Ok(Piece::Incomplete),
                Some(blank @ (b"\r\n" | b"\n")) => {
                    // The blank line is framing, and the end: first the one, then the other.
                    *self = Self::Ended;
                    Ok(Piece::Framing(blank.len()))
                }
                Some(trailer) => Ok(Piece::Framing(trailer.len())),
            },
            Self::Ended => Ok(Piece::End),
        }
    }
}

/// The first line of what has arrived, its end included.
fn line<'a>(arrived: &'a [u8], what: &'static str) -> Result<Option<&'a [u8]>, BadFraming> {
    let end = memchr::memchr(b'\n', arrived).map(|end| end + 1);
    if end.unwrap_or(arrived.len()) > MAX_LINE_BYTES {
        return Err(BadFraming::LineTooLong(what));
    }
    Ok(end.map(|end| &arrived[..end]))
}
