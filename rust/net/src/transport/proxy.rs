//! A proxy on the way to the origin: reached, perhaps under TLS, and asked for a tunnel.

use std::io::{Read, Write};
use std::sync::Arc;

use super::arrived::Arrived;
use super::connect::timeout;
use super::deadline::{Expired, Stage};
use super::error::{Cut, TransportError};
use super::head::{HeadScanner, status_of};
use super::tls::TlsSettings;

/// What is read at once of the proxy's answer, in bytes.
const READ_BYTES: usize = 1024;

/// A proxy. No `Debug`: it holds a password.
pub struct Proxy {
    /// For the words of errors, without user and password.
    pub url: String,
    /// A name, or an address (an IPv6 one with or without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
    /// Ask for a tunnel to the origin; else requests name the origin in their target.
    pub tunnel: bool,
    /// `Proxy-Authorization` of the request for a tunnel.
    pub authorization: Option<String>,
    /// TLS to the proxy itself, for an https proxy.
    pub tls: Option<Arc<TlsSettings>>,
}

impl Proxy {
    /// What went wrong on the way to the proxy, as an error that names the proxy.
    pub(crate) fn blame(&self, error: TransportError) -> TransportError {
        let words = match error {
            TransportError::Connect(words) | TransportError::Tls(words) => words,
            TransportError::ConnectTimeout => "the connect time-out passed".to_owned(),
            TransportError::Closed => "the connection was closed".to_owned(),
            other => return other,
        };
        TransportError::Proxy(self.url.clone(), words)
    }

    /// What asks for a tunnel to the origin.
    pub(crate) fn request(&self, host: &str, port: u16) -> String {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let mut request = format!("CONNECT {host}:{port} HTTP/1.0\r\n");
        if let Some(authorization) = &self.authorization {
            request.extend(["Proxy-Authorization: ", authorization, "\r\n"]);
        }
        request.push_str("\r\n");
        request
    }

    /// Has the proxy connect to the origin; what is said from then on is between us and the origin.
    pub(crate) fn open_tunnel(
        &self,
        stream: &mut (impl Read + Write),
        host: &str,
        port: u16,
    ) -> Result<(), TransportError> {
        let request = self.request(host, port);
        stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.flush())
            .map_err(|error| lost(&error.into()))?;
        let mut answer = TunnelAnswer::default();
        let mut arrived = Arrived::default();
        loop {
            let count = match stream.read(arrived.space(READ_BYTES)).map_err(Cut::from) {
                Ok(0) => return Err(self.name(TunnelAnswer::cut_short(arrived.here()))),
                Ok(count) => count,
                Err(cut) => return Err(lost(&cut)),
            };
            arrived.add(count);
            if answer.take(&mut arrived).map_err(|error| self.name(error))? {
                return Ok(());
            }
        }
    }

    /// Puts this proxy's name to a refusal.
    pub(crate) fn name(&self, error: TransportError) -> TransportError {
        match error {
            TransportError::Proxy(_, words) => TransportError::Proxy(self.url.clone(), words),
            other => other,
        }
    }
}

/// A proxy's answer to the request for a tunnel, as it arrives. No I/O.
#[derive(Debug, Default)]
pub(crate) struct TunnelAnswer(HeadScanner);

impl TunnelAnswer {
    /// Takes what has arrived; whether the tunnel is there. A refusal names no proxy yet.
    pub(crate) fn take(&mut self, arrived: &mut Arrived) -> Result<bool, TransportError> {
        // A refusal counts whatever follows it: boto3 reads no further.
        if let Some(refusal) = status_of(arrived.here(), false).and_then(refusal) {
            return Err(refusal);
        }
        let whole = self.0.scan(arrived.here()).map_err(|_| TransportError::Closed)?;
        if whole.is_some() {
            // Whatever is behind the head is dropped, as it always was: nobody has asked for it.
            arrived.take(arrived.here().len());
        }
        Ok(whole.is_some())
    }

    /// What it means that the connection has ended here: half a line may refuse, as for boto3.
    pub(crate) fn cut_short(here: &[u8]) -> TransportError {
        status_of(here, true).and_then(refusal).unwrap_or(TransportError::Closed)
    }
}

fn refusal((status, reason): (u16, String)) -> Option<TransportError> {
    let words = || format!("Tunnel connection failed: {status} {reason}");
    (status != 200).then(|| TransportError::Proxy(String::new(), words()))
}

fn lost(cut: &Cut) -> TransportError {
    match cut {
        Cut::Limit => timeout(Expired::Limit),
        Cut::Deadline => TransportError::Deadline(Stage::Connecting),
        Cut::Interrupted => TransportError::Interrupted,
        Cut::Failed(_) => TransportError::Closed,
    }
}
