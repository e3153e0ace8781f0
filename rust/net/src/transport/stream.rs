//! A connected socket, plain or under TLS, with the bytes that have arrived on it.

use std::io::{self, IoSlice, Read, Write};

use rustls::ClientConnection;

use super::arrived::Arrived;
use super::error::Cut;
use super::wire::Wire;

/// What is read at once while waiting for a head or a small piece, in bytes.
pub(crate) const READ_BYTES: usize = 16_384;

/// A connected socket, plain or under TLS, with the bytes that have arrived.
pub(crate) struct Stream {
    pub(crate) wire: Wire,
    tls: Option<Box<ClientConnection>>,
    pub(crate) arrived: Arrived,
    /// The head being written; kept for its memory.
    pub(crate) outgoing: Vec<u8>,
}

impl Stream {
    pub(crate) fn plain(wire: Wire) -> Self {
        Self { wire, tls: None, arrived: Arrived::default(), outgoing: Vec::new() }
    }

    pub(crate) fn tls(tls: ClientConnection, wire: Wire) -> Self {
        Self { tls: Some(Box::new(tls)), ..Self::plain(wire) }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.wire.is_quiet()
    }

    pub(crate) fn here(&self) -> &[u8] {
        self.arrived.here()
    }

    /// Whether no byte has arrived that is not used.
    pub(crate) fn is_drained(&mut self) -> bool {
        let plaintext = match &mut self.tls {
            None => false,
            Some(tls) => tls.reader().read(&mut [0]).is_ok_and(|count| count > 0),
        };
        self.here().is_empty() && !plaintext
    }

    pub(crate) fn take(&mut self, count: usize) {
        self.arrived.take(count);
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Cut> {
        read(&mut self.tls, &mut self.wire, buffer)
    }

    /// Waits for more bytes; how many came, 0 at the connection's end.
    pub(crate) fn fill(&mut self) -> Result<usize, Cut> {
        let count = read(&mut self.tls, &mut self.wire, self.arrived.space(READ_BYTES))?;
        self.arrived.add(count);
        Ok(count)
    }

    pub(crate) fn write_all(&mut self, first: &[u8], second: &[u8]) -> Result<(), Cut> {
        if let Some(tls) = &mut self.tls {
            let mut writer = rustls::Stream::new(tls.as_mut(), &mut self.wire);
            writer.write_all(first)?;
            writer.write_all(second)?;
            writer.flush()?;
            return Ok(());
        }
        let (mut first, mut second) = (first, second);
        while !first.is_empty() || !second.is_empty() {
            let both = [IoSlice::new(first), IoSlice::new(second)];
            let parts = if first.is_empty() { &both[1..] } else { &both[..] };
            let written = self.wire.write_vectored(parts)?;
            let of_first = written.min(first.len());
            first = &first[of_first..];
            second = &second[written - of_first..];
        }
        Ok(())
    }
}

fn read(
    tls: &mut Option<Box<ClientConnection>>,
    wire: &mut Wire,
    buffer: &mut [u8],
) -> Result<usize, Cut> {
    let read = match tls {
        None => wire.read(buffer),
        Some(tls) => rustls::Stream::new(tls.as_mut(), wire).read(buffer),
    };
    match read {
        // A peer that forgets to say goodbye under TLS has ended all the same.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        other => Ok(other?),
    }
}
