//! One model's container, and a request to it over HTTP. Twin: `_pure/server/container.py`.
//!
//! `POST <url>/invocations`, as the container contract says, with the headers that the service
//! lets through: <https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html>

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::link::Link;
use super::models::Models;
use super::settings::ContainerAddress;

/// Why a container gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// No connection: nothing was sent.
    NotSent,
    /// A connection, but none that lasted until the answer's head.
    Unreachable,
    /// The answer broke off, or is too long.
    Cut,
}

/// How many idle connections are kept; beyond that they are closed.
const MAX_IDLE: usize = 256;

/// A connection to a container, and a hold on its socket.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    link: Link,
}

/// One container: where it is, how it is, and the connections to it that are idle.
pub(super) struct Container {
    pub(super) address: ContainerAddress,
    /// `host:port`, by which sessions, metrics and logs know it.
    pub(super) name: String,
    /// What it has loaded, for a multi-model endpoint.
    pub(super) models: Models,
    /// The same as a header's value.
    pub(super) host: HeaderValue,
    path: Option<Uri>,
    in_flight: AtomicUsize,
    healthy: AtomicBool,
    been_well: AtomicBool,
    missed: AtomicUsize,
    idle: Mutex<Vec<Connection>>,
}

impl Container {
    /// A container, healthy until something else is known if `healthy` says so.
    pub(super) fn new(address: ContainerAddress, healthy: bool) -> Self {
        let host = if address.host.contains(':') {
            format!("[{}]", address.host)
        } else {
            address.host.clone()
        };
        let name = format!("{host}:{}", address.port);
        Self {
            host: HeaderValue::try_from(&name).unwrap_or(HeaderValue::from_static("localhost")),
            path: address.path.parse().ok(),
            address,
            name,
            models: Models::default(),
            in_flight: AtomicUsize::new(0),
            healthy: AtomicBool::new(healthy),
            been_well: AtomicBool::new(false),
            missed: AtomicUsize::new(0),
            idle: Mutex::default(),
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Whether it has ever answered a ping.
    pub(super) fn has_been_well(&self) -> bool {
        self.been_well.load(Ordering::Relaxed)
    }

    /// Notes that it answered a ping.
    pub(super) fn answered_ping(&self) {
        self.missed.store(0, Ordering::Relaxed);
        self.been_well.store(true, Ordering::Relaxed);
        self.healthy.store(true, Ordering::Relaxed);
    }

    /// Notes that it takes no connections: it is left out until it answers a ping.
    pub(super) fn refused(&self) {
        self.healthy.store(false, Ordering::Relaxed);
    }

    /// Notes that it did not answer a ping: once may be chance, twice is not.
    pub(super) fn missed_ping(&self) {
        if self.missed.fetch_add(1, Ordering::Relaxed) > 0 {
            self.healthy.store(false, Ordering::Relaxed);
        }
    }

    /// How many requests it has not answered yet.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Sends an invocation and returns the answer's head, its body still to be read. The headers
    /// have a host among them.
    pub(super) async fn invoke(
        self: &Arc<Self>,
        path: Option<&str>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Arrived, NoAnswer> {
        let path = match path {
            Some(path) => path.parse().ok(),
            None => self.path.clone(),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.ok_or(NoAnswer::NotSent)?;
        *request.headers_mut() = headers;
        self.send(request).await
    }

    /// Sends a request that has a host. It counts as in flight until the answer's body is done with.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Arrived, NoAnswer> {
        let lease = Lease::new(self);
        loop {
            let (mut connection, is_new) = self.take().await?;
            match connection.sender.try_send_request(request).await {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let body = ContainerBody { body, connection: Some(connection), lease };
                    return Ok(Arrived {
                        status: head.status.as_u16(),
                        headers: head.headers,
                        body,
                    });
                }
                // The connection was closed before it took a byte: the request is still whole.
                Err(mut failed) => match failed.take_message() {
                    // One that ends as soon as it is made is not made again and again.
                    Some(_unsent) if is_new => return Err(NoAnswer::NotSent),
                    Some(unsent) => request = unsent,
                    None => return Err(NoAnswer::Unreachable),
                },
            }
        }
    }

    /// An idle connection that is alive, or a new one, and whether it is new.
    ///
    /// A call is not idempotent and must not be sent into a connection that the container has
    /// closed, or into which it has said what nobody asked for: then its socket is not quiet.
    async fn take(&self) -> Result<(Connection, bool), NoAnswer> {
        while let Some(connection) = self.pop() {
            if connection.sender.is_ready() && connection.link.is_quiet() {
                return Ok((connection, false));
            }
        }
        let address = (self.address.host.as_str(), self.address.port);
        let stream = TcpStream::connect(address).await.map_err(|_failed| NoAnswer::NotSent)?;
        let link = Link::new(stream);
        let (sender, driver) =
            handshake(TokioIo::new(link.clone())).await.map_err(|_failed| NoAnswer::NotSent)?;
        // Its end is seen by the connection's next user.
        tokio::spawn(driver);
        Ok((Connection { sender, link }, true))
    }

    fn pop(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }
}

/// A place among a container's requests in flight.
struct Lease {
    container: Arc<Container>,
}

impl Lease {
    fn new(container: &Arc<Container>) -> Self {
        container.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { container: Arc::clone(container) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.container.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A container's answer whose body is on its way.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: ContainerBody,
}

/// The body of a container's answer. Dropped before its end, it ends the connection, which tells
/// the container that nobody wants the rest.
pub(super) struct ContainerBody {
    body: Incoming,
    connection: Option<Connection>,
    lease: Lease,
}

impl std::fmt::Debug for ContainerBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ContainerBody")
    }
}

impl ContainerBody {
    /// All of it, up to `limit` bytes.
    pub(super) async fn read(mut self, limit: usize) -> Result<Bytes, NoAnswer> {
        let expected = usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX);
        if expected > limit {
            return Err(NoAnswer::Cut);
        }
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|_broken| NoAnswer::Cut)?;
            let Ok(data) = frame.into_data() else { continue };
            if first.len().max(whole.len()) + data.len() > limit {
                return Err(NoAnswer::Cut);
            }
            // Most answers come as one frame, which is passed on as it is.
            if first.is_empty() && whole.is_empty() {
                first = data;
                continue;
            }
            if whole.is_empty() {
                whole.reserve(expected.max(first.len() + data.len()));
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&data);
        }
        self.keep_connection();
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    }

    /// The next piece; `None` after the last one.
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, NoAnswer>>> {
        loop {
            return match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(Ok(data))),
                    Err(_trailers) => continue,
                },
                Some(Err(_broken)) => Poll::Ready(Some(Err(NoAnswer::Cut))),
                None => {
                    self.keep_connection();
                    Poll::Ready(None)
                }
            };
        }
    }

    fn keep_connection(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.lease.container.give_back(connection);
        }
    }
}
