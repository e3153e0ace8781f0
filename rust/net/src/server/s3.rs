//! Objects in S3, over the client's own transport, signed by our own signer; native only.
//!
//! Path-style addresses, so that anything which speaks S3 can stand behind the endpoint:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Uri;
use sagewire_core::sigv4::{Credentials, Payload, Signer, SignerOptions};

use super::locations::Location;
use super::storage::blocking;
use crate::transport::{
    Interrupt, Pool, PoolOptions, RequestHead, Response, TlsSettings, TransportError,
};

/// How long one object may take.
const TIMEOUT: Duration = Duration::from_secs(300);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_IDLE: usize = 16;

/// How to reach S3.
#[derive(Clone)]
pub struct S3Settings {
    /// Where it is: `https://s3.us-east-1.amazonaws.com`, or what speaks like it.
    pub endpoint: String,
    /// The region of its signatures.
    pub region: String,
    /// Who reads and writes.
    pub credentials: Credentials,
    /// A PEM file of authorities to trust instead of the system's.
    pub ca_bundle: Option<String>,
    /// The time of day, since 1970.
    pub clock: fn() -> Duration,
}

impl fmt::Debug for S3Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("S3Settings")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// A client for objects.
#[derive(Clone)]
pub(super) struct S3 {
    inside: Arc<Inside>,
}

struct Inside {
    pool: Pool,
    signer: Signer,
    /// Scheme and authority.
    origin: String,
    /// The authority.
    host: String,
    token: Option<String>,
    clock: fn() -> Duration,
}

impl S3Settings {
    /// Whether there could be such an endpoint.
    pub fn is_sound(&self) -> bool {
        S3::new(self).is_ok()
    }
}

impl PartialEq for S3Settings {
    fn eq(&self, other: &Self) -> bool {
        let keys = |one: &Self| {
            let Credentials { access_key_id, secret_access_key, token, .. } = &one.credentials;
            (access_key_id.clone(), secret_access_key.clone(), token.clone())
        };
        let places = |one: &Self| (one.endpoint.clone(), one.region.clone(), one.ca_bundle.clone());
        places(self) == places(other) && keys(self) == keys(other)
    }
}

impl S3 {
    pub(super) fn new(settings: &S3Settings) -> io::Result<Self> {
        let wrong = || io::Error::other(format!("{:?} is no endpoint of S3", settings.endpoint));
        let endpoint: Uri = settings.endpoint.parse().map_err(|_no_uri| wrong())?;
        let authority = endpoint.authority().ok_or_else(wrong)?;
        let secure = match endpoint.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        if !matches!(endpoint.path(), "" | "/") || authority.as_str().contains('@') {
            return Err(wrong());
        }
        let trust = || TlsSettings::new(true, settings.ca_bundle.clone(), None, None);
        let pool = Pool::new(PoolOptions {
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            max_idle: MAX_IDLE,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            tls: secure.then(|| Arc::new(trust())),
            proxy: None,
            tcp_keepalive: false,
            interrupt: Interrupt { wanted: || false, heard_here: || false },
        });
        let options = SignerOptions {
            region: settings.region.clone(),
            service: "s3".to_owned(),
            // What S3 does otherwise than every other service.
            normalize_path: false,
            double_encode: false,
            content_sha256_header: true,
        };
        let host = authority.as_str().to_owned();
        let inside = Inside {
            pool,
            signer: Signer::new(settings.credentials.clone(), options),
            origin: format!("{}://{host}", if secure { "https" } else { "http" }),
            host,
            token: settings.credentials.token.clone().filter(|token| !token.is_empty()),
            clock: settings.clock,
        };
        Ok(Self { inside: Arc::new(inside) })
    }

    /// An object's bytes, at most `limit` of them.
    pub(super) async fn get(&self, location: &Location, limit: usize) -> io::Result<Bytes> {
        let (inside, path) = (Arc::clone(&self.inside), path_of(location));
        blocking(move || {
            let mut response = inside.exchange("GET", &path, b"")?;
            let mut content = Vec::new();
            while !response.is_over() {
                response.read_some(&mut content).map_err(|error| lost(&error))?;
                if content.len() > limit {
                    return Err(io::Error::other("it is too long"));
                }
            }
            Ok(content.into())
        })
        .await
    }

    /// Writes an object.
    pub(super) async fn put(&self, location: &Location, content: Bytes) -> io::Result<()> {
        let (inside, path) = (Arc::clone(&self.inside), path_of(location));
        blocking(move || inside.exchange("PUT", &path, &content).map(drop)).await
    }
}

impl Inside {
    fn exchange(&self, method: &str, path: &str, body: &[u8]) -> io::Result<Box<Response>> {
        let now = i64::try_from((self.clock)().as_secs()).unwrap_or(i64::MAX);
        let url = format!("{}{path}", self.origin);
        let signed = self
            .signer
            .sign(method, &url, &[], Payload::Body(body), now)
            .map_err(io::Error::other)?;
        let length = body.len().to_string();
        let hash = signed.content_sha256.unwrap_or_default();
        let mut headers = vec![
            ("Host", self.host.as_str()),
            ("X-Amz-Date", &signed.date),
            ("X-Amz-Content-SHA256", &hash),
            ("Authorization", &signed.authorization),
        ];
        if let Some(token) = &self.token {
            headers.push(("X-Amz-Security-Token", token));
        }
        if method == "PUT" {
            headers.push(("Content-Length", &length));
        }
        let deadline = Some(Instant::now() + TIMEOUT);
        let mut connection = match self.pool.take_idle() {
            Some(connection) => connection,
            None => self.pool.connect(deadline).map_err(|error| lost(&error))?,
        };
        let head = RequestHead { method, target: path, headers: &headers };
        connection.prepare(&head, deadline).map_err(|error| lost(&error))?;
        connection.send(body).map_err(|error| lost(&error))?;
        let mut response = connection.receive().map_err(|error| lost(&error))?;
        if response.head.status == 200 {
            return Ok(response);
        }
        // What S3 says about it may name the key; the status says enough.
        let _said = response.read(None);
        let status = response.head.status;
        // 400 is for what can never be, such as a key that is too long.
        let kind = if status == 400 { io::ErrorKind::InvalidInput } else { io::ErrorKind::Other };
        Err(io::Error::new(kind, format!("S3 answered {status}")))
    }
}

fn lost(error: &TransportError) -> io::Error {
    io::Error::other(format!("S3 gave no answer: {error:?}"))
}

/// `/bucket/key`, percent-encoded as S3 signs it.
fn path_of(location: &Location) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut path = format!("/{}/", location.bucket);
    for byte in location.key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            path.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
            path.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    path
}
