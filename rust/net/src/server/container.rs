//! Forwarding to a model's container over HTTP. Twin: `_pure/server/container.py`.
//!
//! `POST <url>/invocations`, as the container contract says, with the headers that the service
//! lets through: <https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html>

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::call::{Answer, Reply};
use super::settings::ContainerAddress;

/// Why a container gave no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// No connection, or none that lasted until the answer's head.
    Unreachable,
    /// The time for the whole answer is over.
    TimedOut,
    /// The answer broke off, or is too long.
    Cut,
}

/// One container: where it is, and the connections to it that are idle.
pub(super) struct Container {
    address: ContainerAddress,
    host: HeaderValue,
    timeout: Duration,
    max_body_bytes: usize,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Container {
    pub(super) fn new(address: ContainerAddress, timeout: Duration, max_body_bytes: usize) -> Self {
        let host = HeaderValue::try_from(format!("{}:{}", address.host, address.port))
            .unwrap_or(HeaderValue::from_static("localhost"));
        Self { address, host, timeout, max_body_bytes, idle: Mutex::default() }
    }

    /// Sends a request and returns the whole answer.
    pub(super) async fn invoke(&self, headers: HeaderMap, body: Bytes) -> Result<Answer, NoAnswer> {
        let exchange = self.exchange(headers, body);
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or(Err(NoAnswer::TimedOut))
    }

    async fn exchange(&self, headers: HeaderMap, body: Bytes) -> Result<Answer, NoAnswer> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.address.path.parse().map_err(|_no_path| NoAnswer::Unreachable)?;
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().extend(headers);
        let mut connection = self.take().await?;
        let response =
            connection.send_request(request).await.map_err(|_broken| NoAnswer::Unreachable)?;
        let (head, body) = response.into_parts();
        let body = self.read(body).await?;
        self.give_back(connection);
        let response = Response::from_parts(head, ());
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: Reply::Whole(body),
        })
    }

    async fn read(&self, mut body: Incoming) -> Result<Bytes, NoAnswer> {
        let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if expected > self.max_body_bytes {
            return Err(NoAnswer::Cut);
        }
        let mut whole = BytesMut::with_capacity(expected);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_broken| NoAnswer::Cut)?;
            if let Some(data) = frame.data_ref() {
                if whole.len() + data.len() > self.max_body_bytes {
                    return Err(NoAnswer::Cut);
                }
                whole.extend_from_slice(data);
            }
        }
        Ok(whole.freeze())
    }

    /// An idle connection that is alive, or a new one.
    ///
    /// A call is not idempotent and must not be sent into a connection that the container has
    /// closed: giving way once lets its driver see an end that has arrived.
    async fn take(&self) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        while let Some(connection) = self.pop() {
            tokio::task::yield_now().await;
            if connection.is_ready() {
                return Ok(connection);
            }
        }
        let address = (self.address.host.as_str(), self.address.port);
        let stream = TcpStream::connect(address).await.map_err(|_failed| NoAnswer::Unreachable)?;
        // Without it a small request may wait for an acknowledgement; a failure costs only that.
        let _slower = stream.set_nodelay(true);
        let (connection, driver) =
            handshake(TokioIo::new(stream)).await.map_err(|_failed| NoAnswer::Unreachable)?;
        // Its end is seen by the connection's next user.
        tokio::spawn(driver);
        Ok(connection)
    }

    fn pop(&self) -> Option<SendRequest<Full<Bytes>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, connection: SendRequest<Full<Bytes>>) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
