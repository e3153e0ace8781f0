//! The transport: a pool of connections to one origin, driven by the calling thread.
//!
//! ```text
//! deadline.rs  how long a wait may last, and which limit ended it
//! lookup.rs    from a name to its addresses, in a bounded time
//! connect.rs   a TCP connection to one of the addresses
//! proxy.rs     a tunnel through a proxy
//! tls.rs       TLS over it
//! trust.rs     whom TLS trusts
//! certificate.rs  a certificate's names
//! open.rs      all of these in turn: from a pool's options to a stream
//! wire.rs      the socket, each wait under its limits
//! watch.rs     what else ends a wait: a signal, the end of a group
//! arrived.rs   the bytes that have arrived and are not used yet (no I/O)
//! stream.rs    both together: a connected socket, plain or under TLS
//! group.rs     connections in use that can be ended together
//! pool.rs      idle connections, most recently used first
//! head.rs      a request's head out; a response's head in (no I/O)
//! body.rs      where a body ends (no I/O)
//! reading.rs   one read of a body (no I/O)
//! template.rs  a request's head, of what all calls share and of what is one's own (no I/O)
//! recent.rs    heads of the calls of late (no I/O)
//! identity.rs  the ids of calls (no I/O)
//! timing.rs    how long each part of an exchange took
//! exchange.rs  turns them over a wire
//! ```
//!
//! `head` and `body` are state machines over bytes, so that another driver (non-blocking sockets
//! under an event loop) can turn them as well. Why this engine: docs/decisions/0001-engine.md.
//! The pure twin is `python/sagewire/_pure/transport`.

pub(crate) mod arrived;
pub(crate) mod body;
mod certificate;
pub(crate) mod connect;
pub(crate) mod deadline;
pub(crate) mod error;
pub(crate) mod exchange;
mod group;
pub(crate) mod head;
mod identity;
mod lookup;
#[cfg(test)]
mod machine_tests;
mod number;
mod open;
pub(crate) mod pool;
pub(crate) mod proxy;
pub(crate) mod reading;
mod recent;
pub(crate) mod stream;
mod template;
pub(crate) mod timing;
pub(crate) mod tls;
mod trust;
pub(crate) mod watch;
mod wire;

pub use deadline::Stage;
pub use error::TransportError;
pub use exchange::{Connection, Response};
pub use group::Closer;
pub use head::{RequestHead, ResponseHead, unfolded};
pub use identity::{Identity, forked, identities};
pub use pool::{Pool, PoolOptions, Snapshot};
pub use proxy::Proxy;
pub use template::{Order, Refused, Template};
pub use timing::{Times, Timing};
pub use tls::{TlsSettings, Unusable};
pub use watch::Interrupt;
