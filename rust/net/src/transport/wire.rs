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
use super::watch::{Called, Interrupt, Watch};

/// A connected socket.
pub(crate) struct Wire {
    /// Shared with whoever may end it.
    socket: Arc<TcpStream>,
    pub(crate) limits: Limits,
    interrupt: Interrupt,
    receive_timeout: Option<Duration>,
    send_timeout: Option<Duration>,
    /// When the write began that the system has taken a part of.
    writing: Option<Instant>,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream, interrupt: Interrupt) -> Self {
        Self {
            socket: Arc::new(socket),
            limits: Limits::default(),
            interrupt,
            receive_timeout: None,
            send_timeout: None,
            writing: None,
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

    fn prepare_receive(&mut self, wait: Option<Duration>) -> io::Result<()> {
        if wait != self.receive_timeout {
            self.socket.set_read_timeout(wait)?;
            self.receive_timeout = wait;
        }
        Ok(())
    }

    fn prepare_send(&mut self, wait: Option<Duration>) -> io::Result<()> {
        if wait != self.send_timeout {
            self.socket.set_write_timeout(wait)?;
            self.send_timeout = wait;
        }
        Ok(())
    }

    fn write_by(
        &mut self,
        total: usize,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut watch = Watch::new(self.interrupt, None);
        // What is left of a write that was taken in part is the same write, under the same limit.
        let begun = self.writing.take();
        let start = begun.unwrap_or_else(Instant::now);
        let mut waited = begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        loop {
            let left = self.wait(waited)?;
            self.prepare_send(watch.slice(left))?;
            match write(&self.socket) {
                Ok(count) if count < total => {
                    // A slice is over, or a signal came.
                    watch.look(None).map_err(off)?;
                    self.writing = Some(start);
                    return Ok(count);
                }
                Ok(count) => return Ok(count),
                Err(error) => self.judge(error, &mut watch, left)?,
            }
            waited = start.elapsed();
        }
    }

    /// What to do about an error: `Ok` to go on waiting.
    fn judge(
        &self,
        error: io::Error,
        watch: &mut Watch<'_>,
        left: Option<Duration>,
    ) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::Interrupted => watch.signalled().map_err(off),
            io::ErrorKind::WouldBlock if watch.look(left).map_err(off)? => Ok(()),
            io::ErrorKind::WouldBlock => Err(carried(self.limits.which())),
            _ => Err(error),
        }
    }
}

/// A socket's group ends by the socket's end; here it is signals alone.
fn off(_: Called) -> io::Error {
    Carried::Interrupted.into()
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
        let mut watch = Watch::new(self.interrupt, None);
        loop {
            let left = self.wait(waited)?;
            self.prepare_receive(watch.slice(left))?;
            match (&*self.socket).read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) => self.judge(error, &mut watch, left)?,
            }
            // A slice is over, or a signal was handled; the wait goes on for the rest of its time.
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
