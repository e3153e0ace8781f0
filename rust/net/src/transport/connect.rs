//! A TCP connection to one of a host's addresses.

use std::io;
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::deadline::{Expired, Limits, Stage};
use super::error::TransportError;
use super::watch::{Called, Watch};

/// Connects to the first address that answers. Each has the whole connect time-out, as in boto3.
pub(crate) fn connect<'a>(
    addresses: &[SocketAddr],
    limits: impl Fn() -> Limits,
    keepalive: bool,
    watch: impl Fn() -> Watch<'a>,
) -> Result<TcpStream, TransportError> {
    let mut failure = TransportError::Connect("the name has no address".to_owned());
    for address in addresses {
        match connect_to(*address, &limits(), keepalive, watch()) {
            Ok(socket) => return Ok(socket.into()),
            Err(
                error @ (TransportError::Deadline(_)
                | TransportError::Interrupted
                | TransportError::Closed),
            ) => return Err(error),
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
    mut watch: Watch<'_>,
) -> Result<Socket, TransportError> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
        .map_err(failed)?;
    socket.set_tcp_nodelay(true).map_err(failed)?;
    if keepalive {
        socket.set_keepalive(true).map_err(failed)?;
    }
    let address = SockAddr::from(address);
    loop {
        let left = limits.wait().map_err(timeout)?;
        // A blocking connect waits as long as a send may; then, or after a signal, it is taken up
        // again.
        socket.set_write_timeout(watch.slice(left)).map_err(failed)?;
        let Err(error) = socket.connect(&address) else { break };
        match error.raw_os_error() {
            Some(libc::EISCONN) => break,
            Some(libc::EINTR) => watch.signalled().map_err(called)?,
            Some(libc::EINPROGRESS | libc::EALREADY | libc::EAGAIN) => {
                if !watch.look(left).map_err(called)? {
                    return Err(timeout(limits.which()));
                }
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

/// Why a wait on the way did not go on.
pub(crate) fn called(called: Called) -> TransportError {
    match called {
        Called::Off => TransportError::Interrupted,
        Called::Back => TransportError::Closed,
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: io::Error) -> TransportError {
    TransportError::Connect(error.to_string())
}
