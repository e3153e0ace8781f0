//! The listening socket, a task for every connection, and the end. Twin: `_pure/server/accept.py`.
//!
//! All of it runs on one thread of its own. What needs a handler outside waits as a `Call` until
//! somebody takes it, so that handlers run on threads that this module does not own.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpListener as StdListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::authenticate::Authenticator;
use super::call::Call;
use super::calls::Calls;
use super::container::Container;
use super::exchange::respond;
use super::peer::Peer;
use super::request_id::RequestIds;
use super::settings::Settings;

/// The largest head that is accepted.
const MAX_HEAD_BYTES: usize = 65_536;
/// How long a connection may take for a head, the time between two requests included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait when a connection cannot be accepted, for want of descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What all connections of a server have in common.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) authenticator: Authenticator,
    pub(super) endpoints: HashMap<String, Option<Container>>,
    pub(super) request_ids: RequestIds,
    pub(super) calls: Calls,
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
    pub fn start(settings: Settings) -> io::Result<Self> {
        let listener = StdListener::bind((settings.address, settings.port))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let endpoints = settings.endpoints.iter().map(|(name, address)| {
            let container = address.clone().map(|address| {
                Container::new(address, settings.model_timeout, settings.max_body_bytes)
            });
            (name.clone(), container)
        });
        let shared = Arc::new(Shared {
            endpoints: endpoints.collect(),
            authenticator: Authenticator::new(&settings.region, settings.credentials.clone()),
            request_ids: RequestIds::new(settings.seed),
            calls: Calls::default(),
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

    /// Refuses new connections at once, gives calls in flight `grace`, then ends all.
    pub fn stop(&self, grace: Duration) {
        self.stop.send_replace(Some(grace));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A thread that panicked has ended too.
            let _panicked = thread.join();
        }
        self.shared.calls.close();
    }
}

async fn serve(
    listener: StdListener,
    shared: Arc<Shared>,
    mut stopping: watch::Receiver<Option<Duration>>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _peer)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared), stopping.clone()));
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
    let ends = async { while connections.join_next().await.is_some() {} };
    // What has not ended by then is dropped with the set.
    let _elapsed = tokio::time::timeout(grace, ends).await;
}

async fn connection(
    stream: TcpStream,
    shared: Arc<Shared>,
    mut stopping: watch::Receiver<Option<Duration>>,
) {
    let service = service_fn(move |request| respond(Arc::clone(&shared), request));
    let exchange = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(MAX_HEAD_BYTES)
        .half_close(true)
        .serve_connection(TokioIo::new(Peer::new(stream)), service);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        // However a connection ends, its peer has seen it.
        _ended = exchange.as_mut() => return,
        _changed = stopping.changed() => exchange.as_mut().graceful_shutdown(),
    }
    let _ended = exchange.await;
}
