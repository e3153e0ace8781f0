//! What a server is made from.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use sagewire_core::sigv4::Credentials;

/// Where a model's container listens.
#[derive(Clone, Debug)]
pub struct ContainerAddress {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path of its invocations, from the root.
    pub path: String,
}

/// What a server is made from. Time and randomness come from outside.
pub struct Settings {
    /// Each endpoint's container, or `None` for one that is answered by whoever calls `take`.
    pub endpoints: HashMap<String, Option<ContainerAddress>>,
    /// Where to listen.
    pub address: IpAddr,
    /// Where to listen; 0 takes a free port.
    pub port: u16,
    /// The region that signatures must be for.
    pub region: String,
    /// The credentials that calls must be signed with.
    pub credentials: Credentials,
    /// How long a model may take for its answer, or for each part of it.
    pub model_timeout: Duration,
    /// The largest body, of a request or of an answer that comes whole.
    pub max_body_bytes: usize,
    /// The time of day, in seconds since 1970.
    pub clock: fn() -> i64,
    /// What request ids are made from.
    pub seed: [u64; 2],
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("endpoints", &self.endpoints)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}
