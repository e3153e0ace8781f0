//! Health, readiness and metrics, on a port and a thread of their own: load cannot silence them.
//!
//! `GET /health`: the process lives. `GET /ready`: it is not draining, and every endpoint has
//! somebody to answer. `GET /metrics`: Prometheus's text.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::service::Inside;

/// How long a connection may take for a head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait when a connection cannot be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// Connections at a time; whoever watches needs few.
const MAX_CONNECTIONS: usize = 64;
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The admin port. Dropped, it ends.
pub(super) struct Admin {
    pub(super) port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    pub(super) fn start(address: SocketAddr, inside: Arc<Inside>) -> io::Result<Self> {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopping) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("sagewire-admin".to_owned())
            .spawn(move || runtime.block_on(serve(listener, inside, stopping)))?;
        Ok(Self { port, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

async fn serve(listener: StdListener, inside: Arc<Inside>, mut stopping: oneshot::Receiver<()>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                let Ok((stream, _peer)) = accepted else {
                    // For want of descriptors, for example.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let inside = Arc::clone(&inside);
                let service = service_fn(move |request| {
                    let response = answer(&inside, &request);
                    async move { Ok::<_, Infallible>(response) }
                });
                let exchange = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(exchange);
            }
            Some(_ended) = connections.join_next() => {}
            _dropped = &mut stopping => return,
        }
    }
}

fn answer(inside: &Inside, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/health") => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
        (&Method::GET, "/ready") => match inside.not_ready() {
            None => (StatusCode::OK, "text/plain", "ready\n".to_owned()),
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, "text/plain", format!("{why}\n")),
        },
        (&Method::GET, "/metrics") => (StatusCode::OK, METRICS, inside.metrics_text()),
        (&Method::GET, _) => {
            (StatusCode::NOT_FOUND, "text/plain", "/health, /ready or /metrics\n".to_owned())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    if let Ok(kind) = HeaderValue::try_from(kind) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}
