//! The peer of `make bench`: answers every request with the same small answer, as fast as it can.
//!
//! A thread a connection, blocking, nothing parsed but the end of the head and the length; bodies are
//! read and dropped. It prints the port that it listens on. Given the paths of a certificate and its
//! key, it speaks TLS.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    x-amzn-RequestId: 5a6e0c7e-1f2b-4c3d-8e9f-0a1b2c3d4e5f\r\n\
    x-Amzn-Invoked-Production-Variant: AllTraffic\r\n\
    Content-Type: application/json\r\n\
    Date: Mon, 23 Nov 2026 12:00:00 GMT\r\n\
    Content-Length: 27\r\n\
    \r\n\
    {\"predictions\": [0.1, 0.9]}";

fn main() -> io::Result<()> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let tls = match paths.as_slice() {
        [certificate, key] => Some(Arc::new(server_config(certificate, key)?)),
        _ => None,
    };
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut out = io::stdout();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    for connection in listener.incoming().flatten() {
        connection.set_nodelay(true)?;
        let tls = tls.clone();
        std::thread::spawn(move || match tls {
            None => answer(connection),
            Some(config) => answer_under(config, connection),
        });
    }
    Ok(())
}

fn server_config(certificate: &str, key: &str) -> io::Result<ServerConfig> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            let chain = chain.map_err(|error| rustls::Error::General(error.to_string()))?;
            builder.with_no_client_auth().with_single_cert(chain, key)
        })
        .map_err(io::Error::other)
}

fn answer_under(config: Arc<ServerConfig>, connection: TcpStream) -> io::Result<()> {
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    answer(StreamOwned::new(tls, connection))
}

fn answer(mut connection: impl Read + Write) -> io::Result<()> {
    let mut arrived = vec![0; 1 << 18];
    let mut filled = 0;
    loop {
        let count = connection.read(&mut arrived[filled..])?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let Some(whole) = request_length(&arrived[..filled]) else { continue };
        while filled < whole {
            // Over the head and the first of the body, which have been looked at.
            let most = (whole - filled).min(arrived.len());
            let count = connection.read(&mut arrived[..most])?;
            if count == 0 {
                return Ok(());
            }
            filled += count;
        }
        connection.write_all(ANSWER)?;
        connection.flush()?;
        filled = 0;
    }
}

/// The length of the first request, once its head has arrived. Its sender waits for the answer.
fn request_length(arrived: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(arrived, b"\r\n\r\n")? + 4;
    let lines = arrived[..head].split(|byte| *byte == b'\n');
    let length = lines
        .filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    Some(head + length.unwrap_or(0))
}
