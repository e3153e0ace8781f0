//! Certificates for the service's own port, from PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What is wrong with a certificate or its key. The key itself is never shown.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct CertificateError {
    file: String,
    problem: String,
}

/// The server's side of TLS 1.2 and 1.3, speaking HTTP/1.1.
pub(super) fn server_config(
    certificate: &Path,
    key: &Path,
) -> Result<Arc<ServerConfig>, CertificateError> {
    let wrong = |file: &Path, problem: String| CertificateError {
        file: file.display().to_string(),
        problem,
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(certificate, "there is no certificate in it".to_owned()));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(certificate, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| wrong(key, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
