//! TLS over a connection, by rustls.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, OtherError};

use super::connect::timeout;
use super::deadline::{Expired, Stage};
use super::error::{Cut, TransportError};
use super::trust::{Anyone, Trusted, certificates};

/// Whom to trust, and who to be.
#[derive(Debug, Default)]
pub struct TlsSettings {
    /// Trust only those that an authority vouches for.
    pub verify: bool,
    /// The path of a PEM file, to trust instead of the system's roots.
    pub ca_bundle: Option<String>,
    /// The path of a PEM file with the client's certificates.
    pub client_cert: Option<String>,
    /// The path of a PEM file with the client's key; else it is in `client_cert`.
    pub client_key: Option<String>,
    config: OnceLock<Result<Arc<ClientConfig>, Unusable>>,
}

/// Settings that no handshake can be made with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unusable {
    /// A file of the client's own that cannot be read: boto3 tells it from one without sense.
    #[error("{0}")]
    Unreadable(String),
    /// Anything else.
    #[error("{0}")]
    Wrong(String),
}

impl TlsSettings {
    /// Settings. Files are read at the first handshake.
    pub fn new(
        verify: bool,
        ca_bundle: Option<String>,
        client_cert: Option<String>,
        client_key: Option<String>,
    ) -> Self {
        Self { verify, ca_bundle, client_cert, client_key, config: OnceLock::new() }
    }

    /// Reads the files, if that has not been done.
    pub fn load(&self) -> Result<(), Unusable> {
        self.config().map(drop)
    }

    fn config(&self) -> Result<Arc<ClientConfig>, Unusable> {
        self.config.get_or_init(|| self.make()).clone()
    }

    /// Shakes hands over a stream.
    pub(crate) fn connect(
        &self,
        stream: &mut (impl io::Read + io::Write),
        host: &str,
    ) -> Result<ClientConnection, TransportError> {
        let mut tls = self.client(host)?;
        while tls.is_handshaking() {
            tls.complete_io(stream).map_err(|error| failed(error.into()))?;
        }
        Ok(tls)
    }

    /// The client's half of a connection to a host, the handshake still to come.
    pub(crate) fn client(&self, host: &str) -> Result<ClientConnection, TransportError> {
        let config = self.config().map_err(|error| match error {
            Unusable::Unreadable(words) => TransportError::Unreadable(words),
            Unusable::Wrong(words) => TransportError::Tls(words),
        })?;
        // A certificate knows neither an absolute name's dot nor an address's zone.
        let name = host.split('%').next().unwrap_or_default().trim_end_matches('.');
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| TransportError::Tls(format!("{host:?} is not a host name")))?;
        ClientConnection::new(config, name).map_err(|error| TransportError::Tls(error.to_string()))
    }

    fn make(&self) -> Result<Arc<ClientConfig>, Unusable> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Unusable::Wrong(error.to_string()))?;
        let verifier: Arc<dyn ServerCertVerifier> = match &self.ca_bundle {
            _ if !self.verify => Arc::new(Anyone(provider)),
            None => Arc::new(Trusted::system(provider).map_err(Unusable::Wrong)?),
            Some(path) => Arc::new(Trusted::bundle(path, provider).map_err(Unusable::Wrong)?),
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match &self.client_cert {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let (chain, key) = self.identity(path)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| wrong(path, &error))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Asks the environment for SSLKEYLOGFILE, as OpenSSL's users do.
        config.key_log = Arc::new(rustls::KeyLogFile::new());
        Ok(Arc::new(config))
    }

    fn identity(&self, path: &str) -> Result<Identity, Unusable> {
        let key_path = self.client_key.as_deref().unwrap_or(path);
        for file in [path, key_path] {
            let readable = std::fs::File::open(file).and_then(|mut opened| {
                io::Read::read(&mut opened, &mut [0]) // a folder opens, and cannot be read
            });
            if let Err(error) = readable {
                let words = format!("cannot use the client certificate {file}: {error}");
                return Err(Unusable::Unreadable(words));
            }
        }
        let key = std::fs::read(key_path).map_err(|error| wrong(key_path, &error))?;
        if memchr::memmem::find(&key, b"ENCRYPTED").is_some() {
            let words = "Client private key is encrypted, password is required";
            return Err(Unusable::Wrong(words.to_owned()));
        }
        let chain = certificates(Path::new(path)).map_err(|error| wrong(path, &error))?;
        if chain.is_empty() {
            return Err(wrong(path, &"it holds no certificate"));
        }
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| wrong(key_path, &error))?;
        Ok((chain, key))
    }
}

type Identity = (Vec<rustls::pki_types::CertificateDer<'static>>, PrivateKeyDer<'static>);

fn wrong(path: &str, error: &dyn std::fmt::Display) -> Unusable {
    Unusable::Wrong(format!("cannot use the client certificate {path}: {error}"))
}

fn failed(cut: Cut) -> TransportError {
    match cut {
        Cut::Limit => timeout(Expired::Limit),
        Cut::Deadline => TransportError::Deadline(Stage::Connecting),
        Cut::Interrupted => TransportError::Interrupted,
        Cut::Failed(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof => TransportError::Tls(
                "the connection ended in the middle of the handshake".to_owned(),
            ),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => TransportError::Closed,
            _ => TransportError::Tls(words(&error)),
        },
    }
}

/// Whether nothing has arrived that is not used: neither bytes, nor that there will be no more.
pub(crate) fn is_silent(tls: &mut ClientConnection) -> bool {
    tls.process_new_packets()
        .is_ok_and(|state| state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed())
}

/// What TLS has to say about an error; `None` for an error that is not its own.
pub(crate) fn words_of_tls(error: &io::Error) -> Option<String> {
    error.get_ref()?.downcast_ref::<rustls::Error>().map(words_of)
}

/// What TLS has to say.
pub(crate) fn words_of(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => {
            why.to_string()
        }
        other => other.to_string(),
    }
}

fn words(error: &io::Error) -> String {
    words_of_tls(error).unwrap_or_else(|| error.to_string())
}
