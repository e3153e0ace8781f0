//! A TCP connection to one of the host's addresses.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::deadline::{Expired, Limits, Stage};
use super::error::TransportError;
use super::wire::Interrupt;

/// Connects to the first address that answers, in the order of the resolver.
///
/// The look-up of the name has the resolver's own time-out and cannot be interrupted.
pub(crate) fn connect(
    host: &str,
    port: u16,
    limits: &Limits,
    keepalive: bool,
    interrupt: Interrupt,
) -> Result<TcpStream, TransportError> {
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|error| TransportError::Connect(error.to_string()))?;
    let mut failure = "the name has no address".to_owned();
    for address in addresses {
        match connect_to(address, limits, keepalive, interrupt) {
            Ok(socket) => return Ok(socket.into()),
            Err(Refused::This(error)) => failure = error.to_string(),
            Err(Refused::All(error)) => return Err(error),
        }
    }
    Err(TransportError::Connect(failure))
}

enum Refused {
    /// This address does not answer; another may.
    This(io::Error),
    /// There is no time, or no wish, to try another.
    All(TransportError),
}

fn connect_to(
    address: SocketAddr,
    limits: &Limits,
    keepalive: bool,
    interrupt: Interrupt,
) -> Result<Socket, Refused> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
        .map_err(Refused::This)?;
    socket.set_tcp_nodelay(true).map_err(Refused::This)?;
    if keepalive {
        socket.set_keepalive(true).map_err(Refused::This)?;
    }
    let address = SockAddr::from(address);
    loop {
        let wait = limits.wait().map_err(|expired| Refused::All(timeout(expired)))?;
        // A blocking connect waits as long as a send may; after a signal it is taken up again.
        socket.set_write_timeout(wait).map_err(Refused::This)?;
        let Err(error) = socket.connect(&address) else { break };
        match error.raw_os_error() {
            Some(libc::EISCONN) => break,
            Some(libc::EINTR) if interrupt() => {
                return Err(Refused::All(TransportError::Interrupted));
            }
            Some(libc::EINTR) => {}
            Some(libc::EINPROGRESS | libc::EALREADY | libc::EAGAIN) => {
                return Err(Refused::All(timeout(limits.which())));
            }
            _ => return Err(Refused::This(error)),
        }
    }
    socket.set_write_timeout(None).map_err(Refused::This)?;
    Ok(socket)
}

pub(crate) fn timeout(expired: Expired) -> TransportError {
    match expired {
        Expired::Limit => TransportError::ConnectTimeout,
        Expired::Deadline => TransportError::Deadline(Stage::Connecting),
    }
}
