//! A connected socket, plain or under TLS, with the bytes that have arrived on it.

use std::io::{self, IoSlice, Read, Write};

use rustls::ClientConnection;

use super::arrived::Arrived;
use super::error::{Cut, TransportError};
use super::tls::{TlsSettings, is_silent};
use super::wire::Wire;

/// What is read at once while waiting for a head or a small piece, in bytes.
pub(crate) const READ_BYTES: usize = 16_384;

/// A connected socket, plain or under TLS, with the bytes that have arrived.
pub(crate) struct Stream {
    pub(crate) wire: Wire,
    /// TLS with the origin, or with an https proxy that requests are forwarded by.
    tls: Option<Box<ClientConnection>>,
    /// TLS with an https proxy, which the other goes through.
    outer: Option<Box<ClientConnection>>,
    pub(crate) arrived: Arrived,
    /// The head being written; kept for its memory.
    pub(crate) outgoing: Vec<u8>,
}

impl Stream {
    pub(crate) fn plain(wire: Wire) -> Self {
        Self { wire, tls: None, outer: None, arrived: Arrived::default(), outgoing: Vec::new() }
    }

    /// Goes on under TLS, or under one more layer of it.
    pub(crate) fn shake_hands(
        &mut self,
        settings: &TlsSettings,
        host: &str,
    ) -> Result<(), TransportError> {
        let made = settings.connect(self, host)?;
        self.outer = self.tls.replace(Box::new(made));
        Ok(())
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.wire.is_quiet()
    }

    pub(crate) fn here(&self) -> &[u8] {
        self.arrived.here()
    }

    /// Whether no byte has arrived that is not used, nor a goodbye of TLS.
    pub(crate) fn is_drained(&mut self) -> bool {
        let silent =
            [&mut self.tls, &mut self.outer].into_iter().flatten().all(|tls| is_silent(tls));
        silent && self.here().is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) {
        self.arrived.take(count);
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Cut> {
        read(&mut self.tls, &mut self.outer, &mut self.wire, buffer)
    }

    /// Waits for more bytes; how many came, 0 at the connection's end.
    pub(crate) fn fill(&mut self) -> Result<usize, Cut> {
        let space = self.arrived.space(READ_BYTES);
        let count = read(&mut self.tls, &mut self.outer, &mut self.wire, space)?;
        self.arrived.add(count);
        Ok(count)
    }

    pub(crate) fn write_all(&mut self, first: &[u8], second: &[u8]) -> Result<(), Cut> {
        if let Some(tls) = &mut self.tls {
            let tls = tls.as_mut();
            let Some(outer) = &mut self.outer else {
                return write_both(rustls::Stream::new(tls, &mut self.wire), first, second);
            };
            let mut outer = Outer { tls: outer, wire: &mut self.wire };
            return write_both(rustls::Stream::new(tls, &mut outer), first, second);
        }
        let (mut first, mut second) = (first, second);
        while !first.is_empty() || !second.is_empty() {
            let written = match (first, second) {
                (one, b"") | (b"", one) => self.wire.write(one)?,
                _ => self.wire.write_vectored(&[IoSlice::new(first), IoSlice::new(second)])?,
            };
            let of_first = written.min(first.len());
            first = &first[of_first..];
            second = &second[written - of_first..];
        }
        Ok(())
    }
}

fn write_both(mut writer: impl Write, first: &[u8], second: &[u8]) -> Result<(), Cut> {
    writer.write_all(first)?;
    writer.write_all(second)?;
    writer.flush()?;
    Ok(())
}

fn read(
    tls: &mut Option<Box<ClientConnection>>,
    outer: &mut Option<Box<ClientConnection>>,
    wire: &mut Wire,
    buffer: &mut [u8],
) -> Result<usize, Cut> {
    let read = match (tls, outer) {
        (None, _) => wire.read(buffer),
        (Some(tls), None) => read_under(tls, wire, buffer),
        (Some(tls), Some(outer)) => read_under(tls, &mut Outer { tls: outer, wire }, buffer),
    };
    match read {
        // A peer that forgets to say goodbye under TLS has ended all the same.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        other => Ok(other?),
    }
}

/// Reads without having to write first: a server that has closed may have said why before.
fn read_under(
    tls: &mut ClientConnection,
    lower: &mut (impl Read + Write),
    buffer: &mut [u8],
) -> io::Result<usize> {
    // An error stays one. What arrived before it counts first, and may be all that is wanted.
    let mut processed = tls.process_new_packets();
    loop {
        match tls.reader().read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        tls.read_tls(lower)?;
        processed = tls.process_new_packets();
        if processed.is_err() {
            // The alert that says why, if it can still be heard.
            let _ = tls.write_tls(lower);
        }
    }
}

/// The layer between: TLS with a proxy, over the wire.
struct Outer<'a> {
    tls: &'a mut ClientConnection,
    wire: &'a mut Wire,
}

impl Read for Outer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_under(self.tls, self.wire, buffer)
    }
}

impl Write for Outer<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        rustls::Stream::new(self.tls, self.wire).write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        rustls::Stream::new(self.tls, self.wire).flush()
    }
}

/// The stream as it stands, for what is said before the first request.
impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Self::read(self, buffer).map_err(Cut::into)
    }
}

impl Write for Stream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_all(data, b"").map(|()| data.len()).map_err(Cut::into)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
