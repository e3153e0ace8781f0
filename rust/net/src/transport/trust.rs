//! Whom to trust: those that an authority vouches for, as OpenSSL decides it for boto3.
//!
//! rustls judges chains and names. On top of it stand three rules of OpenSSL's: only a self-issued
//! certificate of a bundle is an authority, the others help to build a chain; a self-issued server
//! in the bundle is trusted itself; and the common name counts where there is no DNS name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use super::certificate::Names;

/// Trusts those that the certificates of a bundle, or the system's, vouch for.
#[derive(Debug)]
pub(crate) struct Trusted {
    authorities: Arc<WebPkiServerVerifier>,
    /// Self-issued ones, which may be a server's own.
    roots: Vec<CertificateDer<'static>>,
    /// The others.
    helpers: Vec<CertificateDer<'static>>,
}

/// Why a certificate is refused, in OpenSSL's words.
#[derive(Debug, thiserror::Error)]
#[error("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {0}")]
pub(crate) struct Refused(String);

impl Trusted {
    /// Trusts the certificates of a PEM file.
    pub(crate) fn bundle(path: &str, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let refused = |error: String| format!("cannot use the CA bundle {path}: {error}");
        let found = certificates(Path::new(path)).map_err(refused)?;
        if found.is_empty() {
            return Err(refused("it holds no certificate".to_owned()));
        }
        if found.iter().any(|one| Names::read(one).is_none()) {
            return Err(refused("it holds what is no certificate".to_owned()));
        }
        Self::new(found, provider)
    }

    /// Trusts the system's roots, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name in their
    /// place: each of the two replaces its own half, as in OpenSSL.
    pub(crate) fn system(provider: Arc<CryptoProvider>) -> Result<Self, String> {
        // Some of a system's roots may be unreadable; the others still serve.
        let found = system_certificates();
        if found.is_empty() {
            return Err("the system has no trusted certificates".to_owned());
        }
        Self::new(found, provider)
    }

    fn new(
        found: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let is_root = |one: &CertificateDer<'_>| {
            // What x509-cert cannot read, webpki may.
            Names::read(one).is_none_or(|names| names.is_self_issued())
        };
        let (roots, helpers): (Vec<_>, Vec<_>) = found.into_iter().partition(is_root);
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        if store.is_empty() {
            // rustls has no verifier without roots; this one stands for nobody.
            store.roots.push(rustls::pki_types::TrustAnchor {
                subject: b"\x30\x00".as_slice().into(),
                subject_public_key_info: b"".as_slice().into(),
                name_constraints: None,
            });
        }
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { authorities, roots, helpers })
    }

    /// Who vouches for a certificate that nobody known vouches for.
    fn unknown_issuer(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> String {
        let Some(mut last) = Names::read(end_entity) else {
            return "unable to get local issuer certificate".to_owned();
        };
        let read = |found: &[CertificateDer<'_>]| -> Vec<Names> {
            found.iter().filter_map(|one| Names::read(one)).collect()
        };
        let (mut sent, mut ours) = (read(intermediates), read(&self.helpers));
        let (mut is_sent, mut is_ours) = (false, false);
        while !last.is_self_issued() {
            let issuer_among =
                |names: &[Names]| names.iter().position(|other| last.names_as_issuer(other));
            // Ours first, and from then on ours alone, as OpenSSL looks for them.
            if let Some(place) = issuer_among(&ours) {
                last = ours.swap_remove(place);
                is_ours = true;
            } else if let Some(place) = issuer_among(&sent).filter(|_| !is_ours) {
                last = sent.swap_remove(place);
                is_sent = true;
            } else {
                break;
            }
        }
        let what = match (last.is_self_issued(), is_sent || is_ours) {
            (true, true) => "self-signed certificate in certificate chain",
            (true, false) => "self-signed certificate",
            (false, _) if is_ours => "unable to get issuer certificate",
            (false, _) => "unable to get local issuer certificate",
        };
        format!("{what} (the issuer is {})", last.issuer())
    }
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
        let mut chain: Vec<_> = intermediates.to_vec();
        chain.extend_from_slice(&self.helpers);
        let judged = self.authorities.verify_server_cert(
            end_entity,
            &chain,
            server_name,
            ocsp_response,
            now,
        );
        let named = match judged {
            Ok(verified) => return Ok(verified),
            Err(error) if is_about_time(&error) || is_about_name(&error) => Err(error),
            Err(_) if self.roots.iter().any(|root| root == end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)
            }
            Err(error) => Err(error),
        };
        let host = match server_name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            _ => None,
        };
        match named {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(error)
                if is_about_name(&error)
                    && host.is_some_and(|host| {
                        Names::read(end_entity).is_some_and(|names| names.is_commonly_called(host))
                    }) =>
            {
                Ok(ServerCertVerified::assertion())
            }
            Err(error) => Err(self.explained(error, end_entity, intermediates, server_name)),
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

impl Trusted {
    fn explained(
        &self,
        error: rustls::Error,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
    ) -> rustls::Error {
        let rustls::Error::InvalidCertificate(refused) = error else { return error };
        let words = match &refused {
            CertificateError::UnknownIssuer => self.unknown_issuer(end_entity, intermediates),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "certificate has expired".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "certificate is not yet valid".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let what = match server_name {
                    ServerName::IpAddress(_) => "IP address",
                    _ => "Hostname",
                };
                let name = server_name.to_str();
                format!("{what} mismatch, certificate is not valid for '{name}'.")
            }
            other => other.to_string(),
        };
        CertificateError::Other(OtherError(Arc::new(Refused(words)))).into()
    }
}

fn system_certificates() -> Vec<CertificateDer<'static>> {
    if cfg!(any(target_os = "macos", windows)) {
        return rustls_native_certs::load_native_certs().certs;
    }
    let file = match std::env::var_os("SSL_CERT_FILE") {
        Some(file) => Some(PathBuf::from(file)),
        None => openssl_probe::probe().cert_file,
    };
    let folders: Vec<PathBuf> = match std::env::var_os("SSL_CERT_DIR") {
        Some(folders) => std::env::split_paths(&folders).collect(),
        None => openssl_probe::candidate_cert_dirs().map(Path::to_owned).collect(),
    };
    let load = rustls_native_certs::load_certs_from_paths;
    let mut found = load(file.as_deref(), None).certs;
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        found.extend(load(None, Some(folder)).certs);
    }
    found.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
    found.dedup();
    found
}

/// The certificates of a PEM file.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    // An older label for the same thing, which OpenSSL takes too.
    let pem = String::from_utf8_lossy(&pem).replace(" X509 CERTIFICATE-----", " CERTIFICATE-----");
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error: rustls::pki_types::pem::Error| error.to_string())
}

/// Whether a certificate is refused for its dates, which are looked at before who signed it.
fn is_about_time(error: &rustls::Error) -> bool {
    use CertificateError as Refused;
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

fn is_about_name(error: &rustls::Error) -> bool {
    use CertificateError as Refused;
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            Refused::NotValidForName | Refused::NotValidForNameContext { .. }
        )
    )
}

/// Anyone at all: what `verify=False` asks for.
#[derive(Debug)]
pub(crate) struct Anyone(pub(crate) Arc<CryptoProvider>);

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
