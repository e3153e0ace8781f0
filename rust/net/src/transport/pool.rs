//! Idle connections to one origin.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connect::connect;
use super::deadline::Limits;
use super::error::TransportError;
use super::exchange::Connection;
use super::stream::Stream;
use super::timing::Timing;
use super::tls::TlsSettings;
use super::wire::{Interrupt, Wire};

/// What a pool is made with.
pub struct PoolOptions {
    /// A name, or an address (an IPv6 one with or without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
    /// How many idle connections are kept.
    pub max_idle: usize,
    /// For TCP and TLS together; `None` for as long as it takes.
    pub connect_timeout: Option<Duration>,
    /// For each wait for the answer; `None` for as long as it takes.
    pub read_timeout: Option<Duration>,
    /// TLS, for an https origin.
    pub tls: Option<Arc<TlsSettings>>,
    /// Have the system probe idle connections.
    pub tcp_keepalive: bool,
    /// Asked after every signal.
    pub interrupt: Interrupt,
}

/// How many connections there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// In use.
    pub busy: usize,
    /// Kept for the next call.
    pub idle: usize,
}

/// Connections to one origin, shared by threads.
///
/// The most recently used idle connection is taken first. A pool never waits: where none is idle, it
/// connects. After a fork the child starts afresh: what it inherited belongs to its parent.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) options: PoolOptions,
    idle: Mutex<Vec<Stream>>,
    busy: AtomicUsize,
    owner: AtomicU32,
}

impl Pool {
    /// A pool without connections.
    pub fn new(options: PoolOptions) -> Self {
        let host = options.host.trim_matches(['[', ']']).to_owned();
        Self(Arc::new(Shared {
            options: PoolOptions { host, ..options },
            idle: Mutex::default(),
            busy: AtomicUsize::new(0),
            owner: AtomicU32::new(std::process::id()),
        }))
    }

    /// An idle connection that is alive, if there is one. Never waits.
    pub fn take_idle(&self) -> Option<Connection> {
        self.start_afresh_after_fork();
        loop {
            // The lock is held for the pop alone.
            let stream = self.0.lock().pop()?;
            if stream.is_quiet() {
                return Some(Connection::new(
                    self.0.clone().borrowed(),
                    stream,
                    true,
                    Timing::default(),
                ));
            }
        }
    }

    /// A new connection; `deadline` is the end of the whole call.
    pub fn connect(&self, deadline: Option<Instant>) -> Result<Connection, TransportError> {
        let options = &self.0.options;
        let start = Instant::now();
        let until = options.connect_timeout.map(|limit| start + limit);
        let limits = Limits { each: None, until, deadline };
        let interrupt = options.interrupt;
        let (host, keepalive) = (&options.host, options.tcp_keepalive);
        let socket = connect(host, options.port, &limits, keepalive, interrupt)?;
        let mut timing = Timing { connect: start.elapsed(), ..Timing::default() };
        let mut wire = Wire::new(socket, interrupt);
        wire.limits = limits;
        let stream = match &options.tls {
            None => Stream::plain(wire),
            Some(tls) => {
                let (tls, wire) = tls.connect(wire, host)?;
                timing.tls = start.elapsed().saturating_sub(timing.connect);
                Stream::tls(tls, wire)
            }
        };
        Ok(Connection::new(self.0.clone().borrowed(), stream, false, timing))
    }

    /// Drops the idle connections. The pool goes on: the next call connects.
    pub fn close(&self) {
        self.start_afresh_after_fork();
        let dropped = std::mem::take(&mut *self.0.lock());
        drop(dropped);
    }

    /// How many connections there are.
    pub fn snapshot(&self) -> Snapshot {
        let idle = self.0.lock().len();
        Snapshot { busy: self.0.busy.load(Ordering::Relaxed), idle }
    }

    fn start_afresh_after_fork(&self) {
        let process = std::process::id();
        if self.0.owner.swap(process, Ordering::Relaxed) != process {
            // Dropping closes the child's copies only; nothing is said to the peer.
            let inherited = std::mem::take(&mut *self.0.lock());
            self.0.busy.store(0, Ordering::Relaxed);
            drop(inherited);
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Stream>> {
        // The list is whole whatever happened to the thread that held it.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn borrowed(self: Arc<Self>) -> Borrowed {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Borrowed { process: std::process::id(), pool: self }
    }
}

/// A connection's place in its pool, given back when it is dropped.
pub(crate) struct Borrowed {
    pub(crate) pool: Arc<Shared>,
    process: u32,
}

impl Borrowed {
    /// Keeps a connection for the next call, if there is room.
    pub(crate) fn give_back(&self, stream: Stream) {
        // Taken before a fork and given back after it: it is the parent's.
        if self.process != std::process::id() {
            return;
        }
        let mut idle = self.pool.lock();
        if idle.len() < self.pool.options.max_idle {
            idle.push(stream);
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            self.pool.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
