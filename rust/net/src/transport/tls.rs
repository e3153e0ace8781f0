//! TLS over a connection, by rustls.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::connect::timeout;
use super::deadline::{Expired, Stage};
use super::error::{Cut, TransportError};
use super::wire::Wire;

/// Whom to trust, and who to be.
#[derive(Debug, Default)]
pub struct TlsSettings {
    /// Trust only those that an authority vouches for.
    pub verify: bool,
    /// The path of a PEM file, or of a folder of them, to trust instead of the system's roots.
    pub ca_bundle: Option<String>,
    /// The path of a PEM file with the client's certificates.
    pub client_cert: Option<String>,
    /// The path of a PEM file with the client's key; else it is in `client_cert`.
    pub client_key: Option<String>,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
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

    /// Shakes hands.
    pub(crate) fn connect(
        &self,
        mut wire: Wire,
        host: &str,
    ) -> Result<(ClientConnection, Wire), TransportError> {
        let config =
            self.config.get_or_init(|| self.make()).clone().map_err(TransportError::Tls)?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| TransportError::Tls(format!("{host:?} is not a host name")))?;
        let mut tls = ClientConnection::new(config, name)
            .map_err(|error| TransportError::Tls(error.to_string()))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut wire).map_err(|error| failed(error.into()))?;
        }
        Ok((tls, wire))
    }

    fn make(&self) -> Result<Arc<ClientConfig>, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let verifier: Arc<dyn ServerCertVerifier> =
            if self.verify { self.verifier(provider)? } else { Arc::new(Anyone(provider)) };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match &self.client_cert {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let refused =
                    |error: String| format!("cannot use the client certificate {path}: {error}");
                let chain = certificates(Path::new(path)).map_err(refused)?;
                let key = PrivateKeyDer::from_pem_file(self.client_key.as_ref().unwrap_or(path))
                    .map_err(|error| refused(error.to_string()))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| refused(error.to_string()))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let mut roots = RootCertStore::empty();
        let mut trusted = Vec::new();
        match &self.ca_bundle {
            None => {
                // Some of a system's roots may be unreadable; the others still serve.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err("the system has no trusted certificates".to_owned());
                }
            }
            Some(path) => {
                let refused = |error: String| format!("cannot use the CA bundle {path}: {error}");
                trusted = bundle(Path::new(path)).map_err(refused)?;
                roots.add_parsable_certificates(trusted.iter().cloned());
                if roots.is_empty() {
                    return Err(refused("it holds no certificate".to_owned()));
                }
            }
        }
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(Trusted { authorities, trusted }))
    }
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
            _ => TransportError::Tls(error.to_string()),
        },
    }
}

fn bundle(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    if !path.is_dir() {
        return certificates(path);
    }
    let files = std::fs::read_dir(path).map_err(|error| error.to_string())?;
    // A folder of hashed certificates also holds what is no certificate.
    Ok(files.flatten().filter_map(|file| certificates(&file.path()).ok()).flatten().collect())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error: rustls::pki_types::pem::Error| error.to_string())
}

/// Those that an authority vouches for, and those that are in the bundle themselves.
///
/// OpenSSL, and so boto3, accepts a self-signed certificate that is in the bundle, whether or not it
/// is an authority's: the usual way to trust one server. Python's own default (from 3.13) is to
/// accept any that is in the bundle (`VERIFY_X509_PARTIAL_CHAIN`), and so it is here.
#[derive(Debug)]
struct Trusted {
    authorities: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judged = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match judged {
            Err(error)
                if !is_about_time(&error)
                    && self.trusted.iter().any(|trusted| trusted == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Whether a certificate is refused for its dates, which are looked at before who signed it.
fn is_about_time(error: &rustls::Error) -> bool {
    use rustls::CertificateError as Refused;
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            Refused::Expired
                | Refused::ExpiredContext { .. }
                | Refused::NotValidYet
                | Refused::NotValidYetContext { .. }
        )
    )
}

/// Anyone at all: what `verify=False` asks for.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
