//! A connected socket that never waits, plain or under TLS, with what has arrived and what is to go.
//!
//! Readiness comes edge-triggered: an edge says "there may be bytes", and counts until a read has
//! found none, or fewer than there was room for. The peer's end gives no edge of its own where it
//! came together with data; that is what `ending` remembers.

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;

use bytes::{Buf, Bytes};
use mio::net::TcpStream;
use rustls::ClientConnection;
use socket2::SockRef;

use crate::transport::arrived::Arrived;
use crate::transport::error::TransportError;
use crate::transport::stream::READ_BYTES;
use crate::transport::tls::{is_silent, words_of};

/// What is encrypted ahead of the socket, in bytes.
const RECORDS_BYTES: usize = 65_536;

/// A connected socket that never waits.
pub(crate) struct Channel {
    pub(crate) socket: TcpStream,
    /// TLS with the origin, or with an https proxy that requests are forwarded by.
    tls: Option<Box<ClientConnection>>,
    /// TLS with an https proxy, which the other goes through.
    outer: Option<Box<ClientConnection>>,
    pub(crate) arrived: Arrived,
    /// The head, and a small body behind it; kept for its memory.
    pub(crate) outgoing: Vec<u8>,
    written: usize,
    /// What follows it, uncopied.
    pub(crate) body: Bytes,
    readable: bool,
    ending: bool,
    /// Nothing is to be taken off the wire for now.
    pub(crate) held: bool,
}

/// How far a write has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Everything is with the system.
    All,
    /// The system takes no more for now.
    Blocked,
    /// There is more to do, but others are to have their turn.
    Later,
}

impl Channel {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            tls: None,
            outer: None,
            arrived: Arrived::default(),
            outgoing: Vec::new(),
            written: 0,
            body: Bytes::new(),
            readable: false,
            ending: false,
            held: false,
        }
    }

    /// Goes on under TLS, or under one more layer of it.
    pub(crate) fn secure(&mut self, mut tls: ClientConnection) {
        tls.set_buffer_limit(Some(RECORDS_BYTES));
        self.outer = self.tls.replace(Box::new(tls));
    }

    /// TLS, and what its records go over.
    fn layers(&mut self) -> Option<(&mut ClientConnection, Below<'_>)> {
        let below = Below { socket: &mut self.socket, outer: self.outer.as_deref_mut() };
        self.tls.as_deref_mut().map(|tls| (tls, below))
    }

    /// Notes an edge: there may be bytes, and the peer may have said its last.
    pub(crate) fn note(&mut self, readable: bool, ending: bool) {
        self.readable |= readable || ending;
        self.ending |= ending;
    }

    /// Whether an idle peer is there and silent.
    pub(crate) fn is_quiet(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        let peeked = SockRef::from(&self.socket).recv_with_flags(&mut byte, flags);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Whether no byte has arrived that is not used, nor a goodbye of TLS, and none is left to be
    /// written.
    pub(crate) fn is_drained(&mut self) -> bool {
        let silent =
            [&mut self.tls, &mut self.outer].into_iter().flatten().all(|tls| is_silent(tls));
        silent && self.arrived.here().is_empty() && self.outgoing.is_empty()
    }

    /// Takes the handshake as far as it goes; whether it is over.
    pub(crate) fn shake_hands(&mut self) -> Result<bool, TransportError> {
        let mut readable = self.readable;
        let Some((tls, mut below)) = self.layers() else { return Ok(true) };
        let shaken = shake(tls, &mut below, &mut readable);
        self.readable = readable;
        shaken
    }

    /// Whether a read would find nothing, for sure.
    pub(crate) fn must_wait(&self) -> bool {
        self.held || (self.tls.is_none() && !self.readable)
    }

    /// What is here: so many bytes, 0 at the connection's end, `None` where it would have to wait.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut readable = self.readable;
        let count = match self.layers() {
            Some((tls, mut below)) => read_secured(tls, &mut below, &mut readable, buffer),
            None => read_plain(&mut self.socket, &mut readable, self.ending, buffer),
        };
        self.readable = readable;
        count
    }

    /// As `read`, into the buffer of what has arrived.
    pub(crate) fn fill(&mut self) -> io::Result<Option<usize>> {
        let mut arrived = std::mem::take(&mut self.arrived);
        let count = self.read(arrived.space(READ_BYTES));
        arrived.add(count.as_ref().map_or(0, |count| count.unwrap_or(0)));
        self.arrived = arrived;
        count
    }

    /// Forgets what is to go: the peer does not take it any more.
    pub(crate) fn forget_outgoing(&mut self) {
        self.outgoing.clear();
        self.written = 0;
        self.body = Bytes::new();
    }

    /// Writes what is to go, as far as the system takes it, `most` bytes or a little more.
    pub(crate) fn flush(&mut self, most: usize) -> io::Result<Written> {
        let mut moved = 0;
        loop {
            let head = &self.outgoing[self.written..];
            if head.is_empty() && self.body.is_empty() {
                self.forget_outgoing();
                let all = match self.layers() {
                    None => true,
                    Some((tls, mut below)) => send_records(tls, &mut below)?,
                };
                return Ok(if all { Written::All } else { Written::Blocked });
            }
            if moved >= most {
                return Ok(Written::Later);
            }
            let rest = &self.body[..self.body.len().min(most)];
            let mut below = Below { socket: &mut self.socket, outer: self.outer.as_deref_mut() };
            let taken = match &mut self.tls {
                None => {
                    match below.socket.write_vectored(&[IoSlice::new(head), IoSlice::new(rest)]) {
                        Ok(count) => count,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            return Ok(Written::Blocked);
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        Err(error) => return Err(error),
                    }
                }
                Some(tls) => {
                    let mut taken = tls.writer().write(head)?;
                    if taken == head.len() {
                        taken += tls.writer().write(rest)?;
                    }
                    if !send_records(tls, &mut below)? && taken == 0 {
                        return Ok(Written::Blocked);
                    }
                    taken
                }
            };
            let of_head = taken.min(head.len());
            self.written += of_head;
            self.body.advance(taken - of_head);
            moved += taken;
        }
    }
}

/// Takes a handshake as far as it goes; whether it is over.
fn shake(
    tls: &mut ClientConnection,
    below: &mut Below<'_>,
    readable: &mut bool,
) -> Result<bool, TransportError> {
    loop {
        send_records(tls, below).map_err(|error| broken_handshake(&error))?;
        if !tls.is_handshaking() {
            return Ok(true);
        }
        if !*readable {
            return Ok(false);
        }
        match tls.read_tls(below) {
            Ok(0) => return Err(broken_handshake(&io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                *readable = false;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken_handshake(&error)),
        }
        if let Err(error) = tls.process_new_packets() {
            // The peer is told why, if it still listens.
            let _ = send_records(tls, below);
            return Err(TransportError::Tls(words_of(&error)));
        }
    }
}

/// What TLS's records go over: the socket, or another layer of TLS.
struct Below<'a> {
    socket: &'a mut TcpStream,
    outer: Option<&'a mut ClientConnection>,
}

impl Read for Below<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.outer {
            None => self.socket.read(buffer),
            Some(outer) => rustls::Stream::new(*outer, self.socket).read(buffer),
        }
    }
}

impl Write for Below<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.outer {
            None => self.socket.write(data),
            Some(outer) => rustls::Stream::new(*outer, self.socket).write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.outer {
            None => Ok(()),
            Some(outer) => rustls::Stream::new(*outer, self.socket).flush(),
        }
    }
}

/// Writes the records that TLS has made; whether all of them are with the system.
fn send_records(tls: &mut ClientConnection, below: &mut Below<'_>) -> io::Result<bool> {
    while tls.wants_write() {
        match tls.write_tls(below) {
            // The layer below has no room until the socket takes what it holds.
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    match &mut below.outer {
        None => Ok(true),
        Some(outer) => {
            let mut socket = Below { socket: below.socket, outer: None };
            send_records(outer, &mut socket)
        }
    }
}

fn read_secured(
    tls: &mut ClientConnection,
    below: &mut Below<'_>,
    readable: &mut bool,
    buffer: &mut [u8],
) -> io::Result<Option<usize>> {
    // An error stays one. What arrived before it counts first, and may be all that is wanted.
    let mut processed = tls.process_new_packets();
    loop {
        match tls.reader().read(buffer) {
            Ok(count) => return Ok(Some(count)),
            // A peer that forgets to say goodbye under TLS has ended all the same.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Some(0)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if !*readable {
            return Ok(None);
        }
        match tls.read_tls(below) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                *readable = false;
                return Ok(None);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                processed = tls.process_new_packets();
                continue;
            }
            Err(error) => return Err(error),
        }
        processed = tls.process_new_packets();
        // A peer that takes nothing any more may still have said something: that is read first.
        let _untaken = send_records(tls, below);
    }
}

fn read_plain(
    socket: &mut TcpStream,
    readable: &mut bool,
    ending: bool,
    buffer: &mut [u8],
) -> io::Result<Option<usize>> {
    while *readable {
        match socket.read(buffer) {
            Ok(count) => {
                // Fewer than there was room for: the next bytes come with an edge of their own.
                *readable = ending || count == buffer.len();
                return Ok(Some(count));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => *readable = false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn broken_handshake(error: &io::Error) -> TransportError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            TransportError::Tls("the connection ended in the middle of the handshake".to_owned())
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => TransportError::Closed,
        _ => TransportError::Tls(error.to_string()),
    }
}
