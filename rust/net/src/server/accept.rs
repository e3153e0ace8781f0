//! The listening socket, a task for every connection, and the end. Twin: `_pure/server/accept.py`.
//!
//! All of it runs on threads of its own, one unless the settings say more. What needs a handler outside waits as a `Call` until
//! somebody takes it, so that handlers run on threads that this module does not own.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::authenticate::Authenticator;
use super::call::Call;
use super::calls::Calls;
use super::exchange::respond;
use super::fleet::{self, ContainerState, Fleet, fleet};
use super::health;
use super::link::Link;
use super::lookups::{Lookup, Lookups};
use super::peer::Peer;
use super::queue::{self, Queue};
use super::random::Random;
use super::script::{Fault, Script};
use super::sessions::Sessions;
use super::settings::{Changeable, Settings};

/// How long to wait when a connection cannot be accepted, for want of descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What all connections of a server have in common.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) authenticator: Authenticator,
    pub(super) fleet: RwLock<Arc<Fleet>>,
    pub(super) sessions: Sessions,
    pub(super) script: Script,
    pub(super) random: Random,
    pub(super) calls: Calls,
    pub(super) lookups: Lookups,
    pub(super) queue: Option<Queue>,
    tls: RwLock<Option<TlsAcceptor>>,
    connections: AtomicUsize,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port cannot be listened on, or a thread cannot be made.
    #[error(transparent)]
    Listen(io::Error),
    /// What waits cannot be read, or the place of the objects not be made.
    #[error(transparent)]
    Queue(io::Error),
}

/// A server that runs from `start` until `stop`.
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
    stop: watch::Sender<Option<Duration>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    /// Listens and answers.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let queue = settings.queue.clone().map(Queue::open).transpose();
        Self::with_queue(settings, queue.map_err(StartError::Queue)?).map_err(StartError::Listen)
    }

    fn with_queue(settings: Settings, queue: Option<Queue>) -> io::Result<Self> {
        let listener = StdListener::bind((settings.address, settings.port))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = if settings.threads > 1 {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(settings.threads)
                .thread_name("sagewire-server")
                .enable_all()
                .build()?
        } else {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?
        };
        let endpoints = fleet(&settings.changeable.endpoints, settings.trusts_new(), None);
        let shared = Arc::new(Shared {
            fleet: RwLock::new(Arc::new(endpoints)),
            authenticator: Authenticator::new(&settings.region, settings.changeable.known.clone()),
            sessions: Sessions::new(settings.session_seconds),
            script: Script::default(),
            random: Random::new(settings.seed),
            calls: Calls::default(),
            lookups: Lookups::default(),
            queue,
            tls: RwLock::new(settings.changeable.tls.clone().map(TlsAcceptor::from)),
            connections: AtomicUsize::new(0),
            settings,
        });
        let (stop, stopping) = watch::channel(None);
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("sagewire-server".to_owned())
            .spawn(move || runtime.block_on(serve(listener, served, stopping)))?;
        Ok(Self { port, shared, stop, thread: Mutex::new(Some(thread)) })
    }

    /// The port that the server listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for a call that has waited for `patience`; `None` once the server has stopped.
    pub fn take(&self, patience: Duration) -> Option<Call> {
        self.shared.calls.take(patience)
    }

    /// Waits for a key that somebody wants to know; `None` once the server has stopped.
    pub fn take_lookup(&self) -> Option<Lookup> {
        self.shared.lookups.take()
    }

    /// Says what is to happen to the endpoint's next calls.
    pub fn script(&self, endpoint: &str, faults: impl IntoIterator<Item = Fault>) {
        self.shared.script.add(endpoint, faults);
    }

    /// Answers for other endpoints and callers from now on; calls in flight end as they began.
    pub fn change(&self, changed: &Changeable) {
        let trusted = self.shared.settings.trusts_new();
        let mut fleet = self.shared.fleet.write().unwrap_or_else(PoisonError::into_inner);
        *fleet = Arc::new(fleet::fleet(&changed.endpoints, trusted, Some(&fleet)));
        drop(fleet);
        self.shared.authenticator.replace(changed.known.clone());
        let tls = changed.tls.clone().map(TlsAcceptor::from);
        *self.shared.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many requests for later wait.
    pub fn queue_depth(&self) -> usize {
        self.shared.queue.as_ref().map_or(0, Queue::depth)
    }

    /// How often a result of theirs could not be written where it should be.
    pub fn queue_unwritten(&self) -> usize {
        self.shared.queue.as_ref().map_or(0, Queue::unwritten)
    }

    /// How the containers are.
    pub fn container_states(&self) -> Vec<ContainerState> {
        fleet::states(&self.fleet())
    }

    /// The endpoints that nobody healthy would answer for.
    pub fn endpoints_without_health(&self) -> Vec<String> {
        let fleet = self.fleet();
        let ill = fleet.iter().filter(|(_, endpoint)| endpoint.lacks_health());
        ill.map(|(name, _)| name.clone()).collect()
    }

    fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.shared.fleet.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Refuses new connections at once, gives calls in flight `grace`, then ends all.
    pub fn stop(&self, grace: Duration) {
        self.stop.send_replace(Some(grace));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A thread that panicked has ended too.
            let _panicked = thread.join();
        }
        self.shared.calls.close();
        self.shared.lookups.close();
    }
}

async fn serve(
    listener: StdListener,
    shared: Arc<Shared>,
    mut stopping: watch::Receiver<Option<Duration>>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let mut connections = JoinSet::new();
    let most = shared.settings.limits.max_connections;
    let mut watching = JoinSet::new();
    if let Some(every) = shared.settings.ping_every {
        watching.spawn(health::watch(Arc::clone(&shared), every));
    }
    let mut working = JoinSet::new();
    for _ in 0..shared.queue.as_ref().map_or(0, Queue::workers) {
        working.spawn(queue::work(Arc::clone(&shared), stopping.clone()));
    }
    loop {
        tokio::select! {
            // Beyond the limit they wait in the system's queue until a connection has ended.
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok((stream, peer)) => {
                    let served = Arc::clone(&shared);
                    connections.spawn(connection(stream, peer, served, stopping.clone()));
                }
                Err(_failed) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_ended) = connections.join_next() => {}
            _changed = stopping.changed() => break,
        }
    }
    // Shut, not only closed: a forked child may have inherited the socket.
    let _closed = socket2::SockRef::from(&listener).shutdown(Shutdown::Both);
    drop(listener);
    let grace = stopping.borrow().unwrap_or_default();
    let ends = async {
        while connections.join_next().await.is_some() {}
        while working.join_next().await.is_some() {}
    };
    // What has not ended by then is dropped with the set.
    let _elapsed = tokio::time::timeout(grace, ends).await;
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    shared: Arc<Shared>,
    mut stopping: watch::Receiver<Option<Duration>>,
) {
    let limits = shared.settings.limits;
    let _counted = Counted::new(Arc::clone(&shared));
    let link = Link::new(stream);
    let acceptor = shared.tls.read().unwrap_or_else(PoisonError::into_inner).clone();
    let peer = match acceptor {
        None => Peer::plain(link.clone(), limits.send_timeout),
        // A handshake has as long as a head.
        Some(acceptor) => {
            let shaking = Peer::tls(link.clone(), &acceptor, limits.send_timeout);
            match tokio::time::timeout(limits.head_timeout, shaking).await {
                Ok(Ok(peer)) => peer,
                Ok(Err(_)) | Err(_) => return,
            }
        }
    };
    let service =
        service_fn(move |request| respond(Arc::clone(&shared), from, link.clone(), request));
    let exchange = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_header_size(limits.max_head_bytes)
        .half_close(true)
        .serve_connection(TokioIo::new(peer), service);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        // However a connection ends, its peer has seen it.
        _ended = exchange.as_mut() => return,
        _changed = stopping.changed() => exchange.as_mut().graceful_shutdown(),
    }
    let _ended = exchange.await;
}

/// A connection that counts as open.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: Arc<Shared>) -> Self {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
