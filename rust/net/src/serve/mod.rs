//! The local endpoint as a service: a configuration file, TLS, metrics, an access log, an admin port.
//!
//! Native only: the pure twin serves `LocalEndpoint` and leaves this out.
//!
//! ```text
//! schema.rs      what may stand in a configuration file
//! config.rs      the file, checked, as the server's settings; errors name line and key
//! values.rs      its single values
//! targets.rs     its endpoints, variants and containers
//! keys.rs        its credentials, and the queue
//! service.rs     a running service: started, reloaded, drained
//! admin.rs       health, readiness and metrics on a port of their own
//! metrics.rs     what is counted
//! access_log.rs  a line for each call
//! tls.rs         certificates
//! ```

mod access_log;
mod admin;
mod config;
mod keys;
mod metrics;
mod schema;
mod service;
mod targets;
mod tls;
mod values;

pub use config::{Config, ConfigError};
pub use service::{Service, StartError};
