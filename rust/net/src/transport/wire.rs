//! The socket, each wait under its limits.
//!
//! The socket blocks, with `SO_RCVTIMEO` and `SO_SNDTIMEO` as limits, so that a wait is one call of
//! the system and nothing else. The options are set only when they change: without a deadline that
//! is once in a connection's life.

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::deadline::{Expired, Limits};
use super::error::Carried;

/// Asked after every signal: does its handler want the waiting call to end?
pub type Interrupt = fn() -> bool;

/// A connected socket.
pub(crate) struct Wire {
    /// Shared with whoever may end it.
    socket: Arc<TcpStream>,
    pub(crate) limits: Limits,
    interrupt: Interrupt,
    receive_timeout: Option<Duration>,
    send_timeout: Option<Duration>,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream, interrupt: Interrupt) -> Self {
        Self {
            socket: Arc::new(socket),
            limits: Limits::default(),
            interrupt,
            receive_timeout: None,
            send_timeout: None,
        }
    }

    pub(crate) fn socket(&self) -> Arc<TcpStream> {
        Arc::clone(&self.socket)
    }

    /// Whether the idle peer is there and silent. A readable idle socket is dead, or talks out of
    /// turn.
    pub(crate) fn is_quiet(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        let peeked = SockRef::from(&*self.socket).recv_with_flags(&mut byte, flags);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// How long the system may wait once `waited` of the wait has gone.
    fn wait(&self, waited: Duration) -> io::Result<Option<Duration>> {
        let mut limits = self.limits;
        if let Some(each) = &mut limits.each {
            *each = each.saturating_sub(waited);
        }
        match limits.wait() {
            // Zero would mean "for ever" to the system.
            Ok(wait) => Ok(wait.map(|wait| wait.max(Duration::from_micros(1)))),
            Err(expired) => Err(carried(expired)),
        }
    }

    fn prepare_receive(&mut self, waited: Duration) -> io::Result<()> {
        let wait = self.wait(waited)?;
        if wait != self.receive_timeout {
            self.socket.set_read_timeout(wait)?;
            self.receive_timeout = wait;
        }
        Ok(())
    }

    fn prepare_send(&mut self, waited: Duration) -> io::Result<()> {
        let wait = self.wait(waited)?;
        if wait != self.send_timeout {
            self.socket.set_write_timeout(wait)?;
            self.send_timeout = wait;
        }
        Ok(())
    }

    /// A blocking write that took part of the data only: its time is over, or a signal came.
    fn short(&self, count: usize, start: Instant) -> io::Result<usize> {
        if (self.interrupt)() {
            return Err(Carried::Interrupted.into());
        }
        match self.send_timeout {
            Some(limit) if start.elapsed() >= limit => Err(carried(self.limits.which())),
            _ => Ok(count),
        }
    }

    fn write_by(
        &mut self,
        total: usize,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let start = Instant::now();
        let mut waited = Duration::ZERO;
        loop {
            self.prepare_send(waited)?;
            match write(&self.socket) {
                Ok(count) if count < total => return self.short(count, start),
                Ok(count) => return Ok(count),
                Err(error) => self.judge(error)?,
            }
            waited = start.elapsed();
        }
    }

    /// What to do about an error: `Ok` to try again.
    fn judge(&self, error: io::Error) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::Interrupted if (self.interrupt)() => Err(Carried::Interrupted.into()),
            io::ErrorKind::Interrupted => Ok(()),
            io::ErrorKind::WouldBlock => Err(carried(self.limits.which())),
            _ => Err(error),
        }
    }
}

fn carried(expired: Expired) -> io::Error {
    match expired {
        Expired::Limit => Carried::Limit.into(),
        Expired::Deadline => Carried::Deadline.into(),
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = Instant::now();
        let mut waited = Duration::ZERO;
        loop {
            self.prepare_receive(waited)?;
            match (&*self.socket).read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) => self.judge(error)?,
            }
            // A signal was handled; the wait goes on for the rest of its time.
            waited = start.elapsed();
        }
    }
}

impl Write for Wire {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_by(data.len(), |mut socket| socket.write(data))
    }

    fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        let total = data.iter().map(|part| part.len()).sum();
        self.write_by(total, |mut socket| socket.write_vectored(data))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
