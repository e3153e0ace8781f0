//! What a server is made from.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sagewire_core::sigv4::Credentials;

use super::queue::QueueSettings;
use super::record::Observer;

/// Where a model's container listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerAddress {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path of its invocations, from the root.
    pub path: String,
    /// What `TargetContainerHostname` calls it, if calls may name it.
    pub hostname: Option<String>,
}

/// Who answers for a variant.
#[derive(Clone, Debug)]
pub enum Target {
    /// Whoever calls `Server::take`.
    Handler,
    /// Nobody: every call gets an empty body at once. For load tests of callers and of the server.
    Null,
    /// Containers that do the same.
    Containers(Vec<ContainerAddress>),
}

/// A production variant.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// Its share of the calls that name no variant, relative to the others'.
    pub weight: f64,
    /// Who answers.
    pub target: Target,
}

/// An inference component: a model with containers of its own on an endpoint.
#[derive(Clone, Debug)]
pub struct Component {
    /// What `InferenceComponentName` calls it.
    pub name: String,
    /// Its containers.
    pub containers: Vec<ContainerAddress>,
}

/// An endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its variants, in order; at least one.
    pub variants: Vec<Variant>,
    /// Its inference components, if it has any.
    pub components: Vec<Component>,
    /// For a multi-model endpoint: the folder of the models, as the containers see it.
    pub models_folder: Option<String>,
    /// How long a model may take for its answer, or for each part of a handler's.
    pub model_timeout: Duration,
    /// How long a model may take for a whole response stream.
    pub stream_timeout: Duration,
}

/// Credentials that are accepted, and for what.
#[derive(Clone)]
pub struct Known {
    /// The keys.
    pub credentials: Credentials,
    /// Patterns of the endpoints' names that it may call; `*` and `?` as in a shell.
    pub endpoints: Vec<String>,
}

impl fmt::Debug for Known {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Known")
            .field("access_key_id", &self.credentials.access_key_id)
            .field("endpoints", &self.endpoints)
            .finish()
    }
}

/// What connections may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest body, of a request or of an answer that comes whole.
    pub max_body_bytes: usize,
    /// The largest head.
    pub max_head_bytes: usize,
    /// How long a connection may take for a head, the time between two requests included.
    pub head_timeout: Duration,
    /// How long a whole body may take to arrive.
    pub body_timeout: Duration,
    /// How long a caller may take nothing of an answer.
    pub send_timeout: Duration,
    /// How many connections there may be at a time; more wait to be accepted.
    pub max_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 6_291_456,
            max_head_bytes: 65_536,
            head_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(600),
            send_timeout: Duration::from_secs(60),
            max_connections: 65_536,
        }
    }
}

/// What a running server can be given anew.
#[derive(Clone, Debug)]
pub struct Changeable {
    /// The certificate, if the server speaks TLS. It changes, but does not come or go.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The endpoints by name.
    pub endpoints: HashMap<String, Endpoint>,
    /// Who may call; `None` if signatures are not looked at.
    pub known: Option<Vec<Known>>,
}

/// What a server is made from. Time and randomness come from outside.
pub struct Settings {
    /// The endpoints, and who may call them.
    pub changeable: Changeable,
    /// Where to listen.
    pub address: IpAddr,
    /// Where to listen; 0 takes a free port.
    pub port: u16,
    /// The region that signatures must be for.
    pub region: String,
    /// Whether a key that is not known is asked for by `Server::take_lookup`.
    pub lookup: bool,
    /// What connections may take.
    pub limits: Limits,
    /// The idle life of a session whose container named no end, in seconds.
    pub session_seconds: i64,
    /// How often containers are asked for their health; `None` for never.
    pub ping_every: Option<Duration>,
    /// Whether a container is left out until its first good ping; else it counts as well until then.
    pub ping_first: bool,
    /// The queue of asynchronous invocations, if there are any.
    pub queue: Option<QueueSettings>,
    /// How many threads serve connections.
    pub threads: usize,
    /// Who is told of each call, if anybody is.
    pub observer: Option<Observer>,
    /// The time of day, since 1970.
    pub clock: fn() -> Duration,
    /// What request ids and choices are made from.
    pub seed: [u64; 2],
}

impl Settings {
    /// Whether a container of which nothing is known yet counts as well.
    pub(super) fn trusts_new(&self) -> bool {
        self.ping_every.is_none() || !self.ping_first
    }

    /// The time of day, in seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        i64::try_from((self.clock)().as_secs()).unwrap_or(i64::MAX)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("changeable", &self.changeable)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}
