//! A running service: started from a configuration, reloaded, drained.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use super::access_log::AccessLog;
use super::admin::Admin;
use super::config::Config;
use super::metrics::Metrics;
use super::tls::{self, CertificateError};
use crate::server::{self, Lookup, Observer, Record, Server, Settings};

/// Why a service does not start, or not with another configuration.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port cannot be listened on, or a thread cannot be made.
    #[error("cannot listen on {0}: {1}")]
    Listen(String, io::Error),
    /// The queue's database or folder cannot be used.
    #[error("cannot use the queue: {0}")]
    Queue(io::Error),
    /// The access log cannot be opened.
    #[error("cannot write the access log {}: {}", .0.display(), .1)]
    AccessLog(PathBuf, io::Error),
    /// The certificate cannot be used.
    #[error("cannot use the certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The setting is one that a running service keeps.
    #[error("{0} cannot be changed while the service runs; start it anew")]
    Fixed(&'static str),
}

/// What the service's parts share.
pub(super) struct Inside {
    metrics: Metrics,
    log: Mutex<Option<AccessLog>>,
    draining: AtomicBool,
    server: OnceLock<Server>,
    clock: fn() -> Duration,
}

impl Inside {
    fn tell(&self, record: &Record) {
        self.metrics.count(record);
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = log.as_ref() {
            log.take(record, (self.clock)());
        }
    }

    /// Why the service should be sent no calls, if there is a reason.
    pub(super) fn not_ready(&self) -> Option<String> {
        if self.draining.load(Ordering::Relaxed) {
            return Some("draining".to_owned());
        }
        let Some(server) = self.server.get() else { return Some("starting".to_owned()) };
        let mut waiting = server.endpoints_without_health();
        waiting.sort_unstable();
        (!waiting.is_empty()).then(|| format!("no healthy container: {}", waiting.join(", ")))
    }

    pub(super) fn metrics_text(&self) -> String {
        let server = self.server.get();
        let containers = server.map(Server::container_states).unwrap_or_default();
        let connections = server.map_or(0, Server::connections);
        let waiting = server.map_or(0, Server::queue_depth);
        let unwritten = server.map_or(0, Server::queue_unwritten);
        self.metrics.text(&containers, connections, waiting, unwritten)
    }
}

/// A service that runs from `start` until `stop`.
pub struct Service {
    port: u16,
    inside: Arc<Inside>,
    admin: Mutex<Option<Admin>>,
    admin_port: Option<u16>,
    running: Mutex<Config>,
}

impl Service {
    /// Listens and answers.
    ///
    /// Time and randomness come from outside: `clock` is the time of day since 1970.
    pub fn start(
        config: Config,
        clock: fn() -> Duration,
        seed: [u64; 2],
    ) -> Result<Self, StartError> {
        let lost = Counter::default();
        let log = config.access_log.as_ref().map(|path| {
            AccessLog::open(path, lost.clone())
                .map_err(|error| StartError::AccessLog(path.clone(), error))
        });
        let inside = Arc::new(Inside {
            metrics: Metrics::new(lost),
            log: Mutex::new(log.transpose()?),
            draining: AtomicBool::new(false),
            server: OnceLock::new(),
            clock,
        });
        let mut changeable = config.changeable.clone();
        changeable.tls = certificate(&config)?;
        // The server holds its observer; the observer must not hold the server.
        let told = Arc::downgrade(&inside);
        let observer = Observer::new(move |record| {
            if let Some(inside) = told.upgrade() {
                inside.tell(record);
            }
        });
        let listen = config.listen;
        let settings = Settings {
            changeable,
            address: listen.ip(),
            port: listen.port(),
            region: config.region.clone(),
            lookup: config.credentials_from.is_some(),
            limits: config.limits,
            session_seconds: config.session_seconds,
            ping_every: config.ping_every,
            ping_first: true,
            queue: config.queue.clone(),
            threads: config.threads,
            observer: Some(observer),
            clock,
            seed,
        };
        let server = Server::start(settings).map_err(|error| match error {
            server::StartError::Listen(error) => StartError::Listen(listen.to_string(), error),
            server::StartError::Queue(error) => StartError::Queue(error),
        })?;
        let port = server.port();
        let _first = inside.server.set(server);
        let admin = config.admin.map(|address| {
            Admin::start(address, Arc::clone(&inside))
                .map_err(|error| StartError::Listen(address.to_string(), error))
        });
        let admin = admin.transpose()?;
        let admin_port = admin.as_ref().map(|admin| admin.port);
        let running = Mutex::new(config);
        Ok(Self { port, inside, admin: Mutex::new(admin), admin_port, running })
    }

    /// What would keep a service from starting with a configuration, as far as files tell.
    pub fn check(config: &Config) -> Result<(), StartError> {
        certificate(config)?;
        Ok(())
    }

    /// The port that calls are taken on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of health and metrics.
    pub fn admin_port(&self) -> Option<u16> {
        self.admin_port
    }

    /// Serves by another configuration from now on: endpoints, credentials, certificate and log.
    pub fn reload(&self, config: Config) -> Result<(), StartError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let fixed = [
            ("server.address", running.listen.ip() == config.listen.ip()),
            ("server.port", running.listen.port() == config.listen.port()),
            ("admin", running.admin == config.admin),
            ("server.region", running.region == config.region),
            ("server.threads", running.threads == config.threads),
            ("server.ping_seconds", running.ping_every == config.ping_every),
            ("server.session_seconds", running.session_seconds == config.session_seconds),
            ("server.credentials_from", running.credentials_from == config.credentials_from),
            ("limits", running.limits == config.limits),
            ("queue", running.queue == config.queue),
            ("tls", running.tls.is_some() == config.tls.is_some()),
        ];
        if let Some((key, _)) = fixed.iter().find(|(_, same)| !same) {
            return Err(StartError::Fixed(key));
        }
        let mut changeable = config.changeable.clone();
        changeable.tls = certificate(&config)?;
        // Opened anew even under the same name: log files are moved away.
        let lost = self.inside.metrics.lost_lines();
        let log = config.access_log.as_ref().map(|path| {
            AccessLog::open(path, lost).map_err(|error| StartError::AccessLog(path.clone(), error))
        });
        *self.inside.log.lock().unwrap_or_else(PoisonError::into_inner) = log.transpose()?;
        if let Some(server) = self.inside.server.get() {
            server.change(&changeable);
        }
        *running = config;
        Ok(())
    }

    /// Waits for a key that somebody wants to know; `None` once the service has stopped.
    pub fn take_lookup(&self) -> Option<Lookup> {
        self.inside.server.get()?.take_lookup()
    }

    /// Takes no more connections, lets calls in flight end within the configured time, then ends.
    pub fn stop(&self) {
        self.inside.draining.store(true, Ordering::Relaxed);
        let grace = self.running.lock().unwrap_or_else(PoisonError::into_inner).grace;
        if let Some(server) = self.inside.server.get() {
            server.stop(grace);
        }
        self.admin.lock().unwrap_or_else(PoisonError::into_inner).take();
        // What waits is written when the log is dropped.
        self.inside.log.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn certificate(config: &Config) -> Result<Option<Arc<rustls::ServerConfig>>, CertificateError> {
    let files = config.tls.as_ref();
    files.map(|(certificate, key)| tls::server_config(certificate, key)).transpose()
}
