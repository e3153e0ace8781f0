//! From a pool's options to a stream: look up, connect, pass the proxy, shake hands.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use super::connect::connect;
use super::deadline::Limits;
use super::error::TransportError;
use super::group::{Group, Membership};
use super::lookup::Resolver;
use super::pool::PoolOptions;
use super::stream::Stream;
use super::timing::Timing;
use super::watch::Watch;
use super::wire::Wire;

/// Opens a connection; `deadline` is the end of the whole call.
///
/// The connect time-out holds for the look-up, for each address, and for what is said before the
/// first request (tunnel and TLS), each. The end of the group ends it: `joined` makes a socket one
/// of the group's.
pub(crate) fn open(
    options: &PoolOptions,
    resolver: &Resolver,
    group: Option<&Group>,
    joined: impl Fn(Arc<TcpStream>) -> Option<Membership>,
    deadline: Option<Instant>,
    timing: &mut Timing,
) -> Result<(Stream, Option<Membership>), TransportError> {
    let interrupt = options.interrupt;
    let watch = || Watch::new(interrupt, group);
    let start = Instant::now();
    let limits = || Limits {
        each: None,
        until: options.connect_timeout.map(|limit| Instant::now() + limit),
        deadline,
    };
    let dial = |host: &str, port| {
        let addresses = resolver.resolve(host, port, &limits(), watch())?;
        let socket = connect(&addresses, limits, options.tcp_keepalive, watch)?;
        let mut wire = Wire::new(socket, interrupt);
        wire.limits = limits();
        let membership = joined(wire.socket());
        Ok((Stream::plain(wire), membership))
    };
    let Some(proxy) = &options.proxy else {
        let (stream, membership) = dial(&options.host, options.port)?;
        timing.connect = start.elapsed();
        return Ok((secured(stream, options, timing)?, membership));
    };
    let blame = |error| proxy.blame(error);
    let (mut stream, membership) = dial(&proxy.host, proxy.port).map_err(blame)?;
    if let Some(tls) = &proxy.tls {
        stream.shake_hands(tls, &proxy.host).map_err(blame)?;
    }
    if proxy.tunnel {
        proxy.open_tunnel(&mut stream, &options.host, options.port)?;
    }
    timing.connect = start.elapsed();
    if proxy.tunnel {
        stream = secured(stream, options, timing)?;
    }
    Ok((stream, membership))
}

/// Puts the way to the origin under TLS, if it is to be.
fn secured(
    mut stream: Stream,
    options: &PoolOptions,
    timing: &mut Timing,
) -> Result<Stream, TransportError> {
    if let Some(tls) = &options.tls {
        let start = Instant::now();
        stream.shake_hands(tls, &options.host)?;
        timing.tls = start.elapsed();
    }
    Ok(stream)
}
