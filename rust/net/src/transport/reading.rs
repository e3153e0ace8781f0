//! One read of a body: what it has so far, and what the connection's end means for it. No I/O.

use super::arrived::Arrived;
use super::body::{BadFraming, Chunk, Framing, Piece};
use super::error::TransportError;
use super::stream::READ_BYTES;

/// What the peer says it will send is reserved only as far as it is believable, in bytes.
const MOST_RESERVED_BYTES: usize = 1 << 24;
/// What is read at once past the buffer, in bytes.
const STRIDE_BYTES: usize = 1 << 18;

/// A read in progress.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) out: Vec<u8>,
    amount: Option<usize>,
    before: Before,
    /// Bytes of chunks that were read whole, which is what Python's error counts.
    whole: usize,
}

/// What the earlier pieces of a read have given that is made in pieces: its errors count them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before {
    given: usize,
    whole: usize,
}

impl Read {
    /// A read of all that is left, or of exactly `amount` bytes unless the body ends before.
    pub(crate) fn new(amount: Option<usize>, framing: &Framing) -> Self {
        let mut out = Vec::new();
        if let Framing::Length(left) = framing {
            let left = usize::try_from(*left).unwrap_or(usize::MAX);
            out.reserve_exact(
                amount.map_or(left, |amount| amount.min(left)).min(MOST_RESERVED_BYTES),
            );
        }
        Self { out, amount, before: Before::default(), whole: 0 }
    }

    /// The next piece of a read.
    pub(crate) fn going_on(self, before: Before) -> Self {
        Self { before, whole: before.whole, ..self }
    }

    /// What the next piece of this read has to know.
    pub(crate) fn given(&self) -> Before {
        Before { given: self.got(), whole: self.whole }
    }

    fn got(&self) -> usize {
        self.before.given + self.out.len()
    }

    /// Takes what has arrived; whether the read is finished.
    pub(crate) fn advance(
        &mut self,
        framing: &mut Framing,
        arrived: &mut Arrived,
    ) -> Result<bool, TransportError> {
        loop {
            if self.amount == Some(self.out.len()) {
                return Ok(true);
            }
            match framing.next(arrived.here(), self.wanted()) {
                Ok(Piece::Data(count)) => {
                    self.out.extend_from_slice(&arrived.here()[..count]);
                    arrived.take(count);
                    if !matches!(framing, Framing::Chunked(Chunk::Data(_))) {
                        self.whole = self.got();
                    }
                }
                Ok(Piece::Framing(count)) => arrived.take(count),
                Ok(Piece::End) => return Ok(true),
                Ok(Piece::Incomplete) => return Ok(false),
                Err(bad) => return Err(badly_framed(bad, self.whole)),
            }
        }
    }

    /// Where much is wanted, it is read to where it belongs, past the buffer: by `read`, if at all,
    /// which says how many bytes there were.
    pub(crate) fn past_the_buffer<R>(
        &mut self,
        framing: &mut Framing,
        read: impl FnOnce(&mut [u8]) -> (usize, R),
    ) -> Option<R> {
        let wanted = self.wanted();
        let Framing::Length(left) = framing else { return None };
        if *left <= READ_BYTES as u64 || wanted <= READ_BYTES {
            return None;
        }
        let most = usize::try_from(*left).unwrap_or(usize::MAX).min(wanted).min(STRIDE_BYTES);
        let before = self.out.len();
        self.out.resize(before + most, 0);
        let (count, read) = read(&mut self.out[before..]);
        self.out.truncate(before + count);
        *left -= count as u64;
        if *left == 0 {
            *framing = Framing::Done;
        }
        Some(read)
    }

    /// The connection has ended: what that means for the body.
    pub(crate) fn at_end(&self, framing: &mut Framing) -> Result<(), TransportError> {
        if framing.ends_with_connection() {
            return Ok(());
        }
        match framing {
            Framing::Length(left) if self.amount.is_none() => {
                let got = self.got();
                Err(broken(&format!("IncompleteRead({got} bytes read, {left} more expected)")))
            }
            // A piece that is short of what was asked for; the caller knows the length.
            Framing::Length(_) => Ok(()),
            _ => Err(broken_chunks(self.whole)),
        }
    }

    fn wanted(&self) -> usize {
        self.amount.map_or(usize::MAX, |amount| amount - self.out.len())
    }
}

/// Takes what has arrived of the body; whether its end has been seen.
///
/// Bad framing behind something good is told the next time.
pub(crate) fn take_arrived(
    out: &mut Vec<u8>,
    framing: &mut Framing,
    arrived: &mut Arrived,
) -> Result<bool, TransportError> {
    let before = out.len();
    loop {
        match framing.next(arrived.here(), usize::MAX) {
            Ok(Piece::Data(count)) => {
                out.extend_from_slice(&arrived.here()[..count]);
                arrived.take(count);
            }
            Ok(Piece::Framing(count)) => arrived.take(count),
            Ok(Piece::End) => return Ok(true),
            Ok(Piece::Incomplete) => return Ok(false),
            Err(_) if out.len() > before => return Ok(false),
            Err(bad) => return Err(badly_framed(bad, 0)),
        }
    }
}

/// The connection has ended where more of the body was wanted; `stated` is its stated length.
pub(crate) fn cut_off(framing: &mut Framing, stated: Option<u64>) -> Result<(), TransportError> {
    if framing.ends_with_connection() {
        return Ok(());
    }
    match framing {
        Framing::Length(left) => {
            let got = stated.unwrap_or(*left) - *left;
            Err(broken(&format!("IncompleteRead({got} bytes read, {left} more expected)")))
        }
        _ => Err(broken_chunks(0)),
    }
}

fn badly_framed(bad: BadFraming, whole: usize) -> TransportError {
    match bad {
        BadFraming::Size => broken_chunks(whole),
        BadFraming::LineTooLong(what) => {
            broken(&format!("LineTooLong('got more than 65536 bytes when reading {what}')"))
        }
    }
}

/// A body that broke off; `what` is the exception that Python would have raised.
pub(crate) fn broken(what: &str) -> TransportError {
    // Python's own words: a tuple of a text and an exception, whose quotes depend on its content.
    let text = format!("Connection broken: {what}");
    let quoted = if what.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") };
    TransportError::Streaming(format!("({quoted}, {what})"))
}

fn broken_chunks(whole: usize) -> TransportError {
    broken(&format!("IncompleteRead({whole} bytes read)"))
}
