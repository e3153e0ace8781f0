//! Idle connections to one origin.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::error::TransportError;
use super::exchange::Connection;
use super::group::{Group, Membership};
use super::identity::forks;
use super::lookup::Resolver;
use super::open::open;
use super::proxy::Proxy;
use super::stream::Stream;
use super::timing::Timing;
use super::tls::TlsSettings;
use super::watch::Interrupt;

/// What a pool is made with.
pub struct PoolOptions {
    /// A name, or an address (an IPv6 one with or without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
    /// How many idle connections are kept.
    pub max_idle: usize,
    /// For the look-up, for each address, and for tunnel and TLS; `None` for as long as it takes.
    pub connect_timeout: Option<Duration>,
    /// For each wait for the answer; `None` for as long as it takes.
    pub read_timeout: Option<Duration>,
    /// TLS, for an https origin.
    pub tls: Option<Arc<TlsSettings>>,
    /// A proxy on the way.
    pub proxy: Option<Proxy>,
    /// Have the system probe idle connections.
    pub tcp_keepalive: bool,
    /// How signals are heard.
    pub interrupt: Interrupt,
}

impl PoolOptions {
    /// When a step of connecting that begins now is over.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.connect_timeout.map(|limit| Instant::now() + limit)
    }
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
pub struct Pool {
    shared: Arc<Shared>,
    /// Who else takes from it the same way; `None` for nobody in particular.
    group: Option<Arc<Group>>,
}

pub(crate) struct Shared {
    pub(crate) options: PoolOptions,
    local: Local,
}

#[allow(clippy::vec_box, reason = "each is taken out for a call and put back: a pointer is moved")]
type Idle = Vec<Box<Stream>>;

/// What a pool has in one process.
///
/// A lock that some thread holds while its process forks stays locked in the child for ever. So a
/// child gets a lock of its own, and never waits for its parent's.
struct Local {
    process: u32,
    idle: Mutex<Idle>,
    busy: AtomicUsize,
    resolver: Resolver,
    child: OnceLock<Box<Local>>,
}

impl Pool {
    /// A pool without connections.
    pub fn new(options: PoolOptions) -> Self {
        let bare = |host: &str| host.trim_matches(['[', ']']).to_owned();
        let host = bare(&options.host);
        let proxy = options.proxy.map(|proxy| Proxy { host: bare(&proxy.host), ..proxy });
        let options = PoolOptions { host, proxy, ..options };
        let shared = Arc::new(Shared { options, local: Local::new(std::process::id()) });
        Self { shared, group: None }
    }

    /// The same pool for a group of users, whose connections can be ended together; for as many as
    /// there is `room` the pool keeps connections until then.
    #[must_use]
    pub fn group(&self, room: usize) -> Self {
        Self { shared: Arc::clone(&self.shared), group: Some(Arc::new(Group::new(room))) }
    }

    /// Ends the connections that are in use through this group, now and from now on, and what is
    /// kept for it; `false` for a pool that is none.
    pub fn end(&self) -> bool {
        let Some(group) = &self.group else { return false };
        group.end();
        let mut idle = self.shared.local().lock();
        let surplus = idle.len().saturating_sub(self.shared.options.max_idle);
        let dropped: Idle = idle.drain(..surplus).collect();
        drop(idle);
        drop(dropped);
        true
    }

    /// An idle connection that is alive, if there is one. Never waits.
    pub fn take_idle(&self) -> Option<Connection> {
        let local = self.shared.local();
        loop {
            // The lock is held for the pop alone.
            let stream = local.lock().pop()?;
            if stream.is_quiet() {
                let place = self.borrowed(local, &stream);
                return Some(Connection::new(place, stream, true, Timing::default()));
            }
        }
    }

    /// A new connection; `deadline` is the end of the whole call.
    pub fn connect(&self, deadline: Option<Instant>) -> Result<Connection, TransportError> {
        let mut timing = Timing::default();
        let resolver = &self.shared.local().resolver;
        let group = self.group.as_deref();
        let joined = |socket| self.group.as_ref().map(|group| group.join(socket));
        let (stream, membership) =
            open(&self.shared.options, resolver, group, joined, deadline, &mut timing)?;
        let place = self.place(self.shared.local(), membership);
        Ok(Connection::new(place, Box::new(stream), false, timing))
    }

    /// Drops the idle connections. The pool goes on: the next call connects.
    pub fn close(&self) {
        let dropped = std::mem::take(&mut *self.shared.local().lock());
        drop(dropped);
    }

    /// How many connections there are.
    pub fn snapshot(&self) -> Snapshot {
        let local = self.shared.local();
        let idle = local.lock().len();
        Snapshot { busy: local.busy.load(Ordering::Relaxed), idle }
    }

    fn borrowed(&self, local: &Local, stream: &Stream) -> Borrowed {
        let membership = self.group.as_ref().map(|group| group.join(stream.wire.socket()));
        self.place(local, membership)
    }

    fn place(&self, local: &Local, membership: Option<Membership>) -> Borrowed {
        local.busy.fetch_add(1, Ordering::Relaxed);
        Borrowed {
            process: local.process,
            forks: forks(),
            pool: Arc::clone(&self.shared),
            membership,
            released: false,
        }
    }
}

impl Shared {
    /// What belongs to this process.
    fn local(&self) -> &Local {
        let process = std::process::id();
        let mut local = &self.local;
        while local.process != process {
            local = local.child.get_or_init(|| {
                // Dropping closes this process's copies only; nothing is said to the peer. Where a
                // thread of the parent held the lock, the copies stay open.
                let inherited = local.idle.try_lock().map(|mut idle| std::mem::take(&mut *idle));
                drop(inherited);
                Box::new(Local::new(process))
            });
        }
        local
    }
}

impl Local {
    fn new(process: u32) -> Self {
        Self {
            process,
            idle: Mutex::default(),
            busy: AtomicUsize::new(0),
            resolver: Resolver::default(),
            child: OnceLock::new(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Idle> {
        // The list is whole whatever happened to the thread that held it.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place in its pool, given back when it is dropped.
pub(crate) struct Borrowed {
    pub(crate) pool: Arc<Shared>,
    process: u32,
    forks: u64,
    membership: Option<Membership>,
    /// Whether the pool has been told that it is over.
    released: bool,
}

impl Borrowed {
    /// Keeps a connection for the next call, if there is room.
    pub(crate) fn give_back(mut self, stream: Box<Stream>) {
        // Before anybody else can have it: the group may be ended at any moment.
        let room = self.membership.take().map_or(0, |membership| membership.room());
        self.released = true;
        let Some(local) = self.local() else { return };
        local.busy.fetch_sub(1, Ordering::Relaxed);
        let mut idle = local.lock();
        if idle.len() < self.pool.options.max_idle.max(room) {
            idle.push(stream);
        }
    }

    /// Refuses a child of a fork the bytes that its parent waits for.
    pub(crate) fn check_process(&self) -> Result<(), TransportError> {
        if self.process == std::process::id() {
            return Ok(());
        }
        Err(TransportError::of_the_parent())
    }

    /// The pool's part that it was taken from; `None` after a fork: that one is the parent's, and a
    /// thread that is not there any more may have locked it.
    ///
    /// The system is not asked. After a fork that nobody told of, what is given back to the parent's
    /// part is never taken from it: who takes asks the system.
    fn local(&self) -> Option<&Local> {
        if self.forks != forks() {
            return None;
        }
        let mut local = &self.pool.local;
        while local.process != self.process {
            local = local.child.get()?;
        }
        Some(local)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if !self.released
            && let Some(local) = self.local()
        {
            local.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
