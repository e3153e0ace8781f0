//! A TCP connection to one of a host's addresses.

use std::io;
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::deadline::{Expired, Limits, Stage};
use super::error::TransportError;
use super::wire::Interrupt;

/// Connects to the first address that answers. Each has the whole connect time-out, as in boto3.
pub(crate) fn connect(
    addresses: &[SocketAddr],
    limits: impl Fn() -> Limits,
    keepalive: bool,
    interrupt: Interrupt,
) -> Result<TcpStream, TransportError> {
    let mut failure = TransportError::Connect("the name has no address".to_owned());
    for address in addresses {
        match connect_to(*address, &limits(), keepalive, interrupt) {
            Ok(socket) => return Ok(socket.into()),
            Err(error @ (TransportError::Deadline(_) | TransportError::Interrupted)) => {
                return Err(error);
            }
            // Another one may answer; else it is the last one's failure that is reported.
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn connect_to(
    address: SocketAddr,
    limits: &Limits,
    keepalive: bool,
    interrupt: Interrupt,
) -> Result<Socket, TransportError> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
        .map_err(failed)?;
    socket.set_tcp_nodelay(true).map_err(failed)?;
    if keepalive {
        socket.set_keepalive(true).map_err(failed)?;
    }
    let address = SockAddr::from(address);
    loop {
        let wait = limits.wait().map_err(timeout)?;
        // A blocking connect waits as long as a send may; after a signal it is taken up again.
        socket.set_write_timeout(wait).map_err(failed)?;
        let Err(error) = socket.connect(&address) else { break };
        match error.raw_os_error() {
            Some(libc::EISCONN) => break,
            Some(libc::EINTR) if interrupt() => {
                return Err(TransportError::Interrupted);
            }
            Some(libc::EINTR) => {}
            Some(libc::EINPROGRESS | libc::EALREADY | libc::EAGAIN) => {
                return Err(timeout(limits.which()));
            }
            // The system has a limit of its own, for those who set none.
            Some(libc::ETIMEDOUT) => return Err(TransportError::ConnectTimeout),
            _ => return Err(failed(error)),
        }
    }
    socket.set_write_timeout(None).map_err(failed)?;
    Ok(socket)
}

pub(crate) fn timeout(expired: Expired) -> TransportError {
    match expired {
        Expired::Limit => TransportError::ConnectTimeout,
        Expired::Deadline => TransportError::Deadline(Stage::Connecting),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: io::Error) -> TransportError {
    TransportError::Connect(error.to_string())
}
