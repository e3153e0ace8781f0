//! What is counted, in Prometheus's text format.
//!
//! Labels are taken from the configuration and the API model, never from what a caller sends, so
//! that a caller cannot make series.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{PoisonError, RwLock};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::server::{ContainerState, Record};

/// Seconds from a millisecond to the eight minutes of a stream, each four times the one before.
const BUCKETS: [f64; 10] = [0.001, 0.004, 0.016, 0.064, 0.25, 1.0, 4.0, 16.0, 64.0, 480.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCall {
    operation: &'static str,
    endpoint: String,
    variant: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfEndpoint {
    operation: &'static str,
    endpoint: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfContainer {
    endpoint: String,
    container: String,
}

/// What one kind of call is counted in: found once for all calls of the kind.
struct Series {
    calls: Counter,
    cut: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
    seconds: Histogram,
    first_byte: Histogram,
}

impl Series {
    fn count(&self, record: &Record) {
        self.calls.inc();
        self.seconds.observe(record.took.as_secs_f64());
        self.bytes_in.inc_by(record.bytes_in as u64);
        self.bytes_out.inc_by(record.bytes_out);
        if let Some(first_byte) = record.first_byte {
            self.first_byte.observe(first_byte.as_secs_f64());
        }
        if record.cut {
            self.cut.inc();
        }
    }
}

/// The service's metrics.
pub(super) struct Metrics {
    known: RwLock<HashMap<OfCall, Series>>,
    registry: Registry,
    calls: Family<OfCall, Counter>,
    cut: Family<OfEndpoint, Counter>,
    bytes_in: Family<OfEndpoint, Counter>,
    bytes_out: Family<OfEndpoint, Counter>,
    seconds: Family<OfEndpoint, Histogram>,
    first_byte: Family<OfEndpoint, Histogram>,
    connections: Gauge,
    waiting: Gauge,
    unwritten: Gauge,
    healthy: Family<OfContainer, Gauge>,
    in_flight: Family<OfContainer, Gauge>,
    lost_lines: Counter<u64, AtomicU64>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics")
    }
}

impl Metrics {
    pub(super) fn new(lost_lines: Counter<u64, AtomicU64>) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut metrics = Self {
            known: RwLock::default(),
            registry: Registry::with_prefix("sagewire"),
            calls: Family::default(),
            cut: Family::default(),
            bytes_in: Family::default(),
            bytes_out: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            first_byte: Family::new_with_constructor(histogram),
            connections: Gauge::default(),
            waiting: Gauge::default(),
            unwritten: Gauge::default(),
            healthy: Family::default(),
            in_flight: Family::default(),
            lost_lines,
        };
        let registry = &mut metrics.registry;
        registry.register("calls", "Calls that were answered", metrics.calls.clone());
        registry.register("cut", "Answers that broke off", metrics.cut.clone());
        let (bytes, seconds) = (|| Unit::Bytes, || Unit::Seconds);
        let received = metrics.bytes_in.clone();
        registry.register_with_unit("received", "Bodies of calls", bytes(), received);
        let sent = metrics.bytes_out.clone();
        registry.register_with_unit("sent", "Bodies of answers", bytes(), sent);
        let whole = metrics.seconds.clone();
        registry.register_with_unit(
            "call",
            "From a call's head to its answer's end",
            seconds(),
            whole,
        );
        let first = metrics.first_byte.clone();
        registry.register_with_unit(
            "model",
            "From a call's head to its answer's",
            seconds(),
            first,
        );
        let connections = metrics.connections.clone();
        registry.register("connections", "Connections that are open", connections);
        let waiting = metrics.waiting.clone();
        registry.register("queue_waiting", "Asynchronous invocations that wait", waiting);
        let unwritten = metrics.unwritten.clone();
        registry.register("queue_unwritten", "Times that a result could not be written", unwritten);
        let healthy = metrics.healthy.clone();
        registry.register("container_healthy", "Whether a container answers its pings", healthy);
        let in_flight = metrics.in_flight.clone();
        registry.register("container_in_flight", "Requests that a container has", in_flight);
        let lost = metrics.lost_lines.clone();
        registry.register("access_log_lost", "Lines that nobody could take", lost);
        metrics
    }

    /// The counter of lost lines.
    pub(super) fn lost_lines(&self) -> Counter<u64, AtomicU64> {
        self.lost_lines.clone()
    }

    /// Counts a call.
    pub(super) fn count(&self, record: &Record) {
        let of_call = OfCall {
            operation: record.operation,
            endpoint: record.endpoint.clone(),
            variant: record.variant.clone(),
            status: record.status,
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.get(&of_call) {
            series.count(record);
            return;
        }
        drop(known);
        let series = self.series(&of_call);
        series.count(record);
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(of_call, series);
    }

    fn series(&self, of_call: &OfCall) -> Series {
        let of_endpoint =
            OfEndpoint { operation: of_call.operation, endpoint: of_call.endpoint.clone() };
        Series {
            calls: self.calls.get_or_create_owned(of_call),
            cut: self.cut.get_or_create_owned(&of_endpoint),
            bytes_in: self.bytes_in.get_or_create_owned(&of_endpoint),
            bytes_out: self.bytes_out.get_or_create_owned(&of_endpoint),
            seconds: self.seconds.get_or_create_owned(&of_endpoint),
            first_byte: self.first_byte.get_or_create_owned(&of_endpoint),
        }
    }

    /// The text that a scraper reads.
    pub(super) fn text(
        &self,
        containers: &[ContainerState],
        connections: usize,
        waiting: usize,
        unwritten: usize,
    ) -> String {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.unwritten.set(i64::try_from(unwritten).unwrap_or(i64::MAX));
        self.connections.set(i64::try_from(connections).unwrap_or(i64::MAX));
        // Containers come and go with the configuration.
        self.healthy.clear();
        self.in_flight.clear();
        for state in containers {
            let of_container = OfContainer {
                endpoint: state.endpoint.clone(),
                container: state.container.clone(),
            };
            self.healthy.get_or_create(&of_container).set(i64::from(state.healthy));
            let in_flight = i64::try_from(state.in_flight).unwrap_or(i64::MAX);
            self.in_flight.get_or_create(&of_container).set(in_flight);
        }
        let mut text = String::new();
        // Writing to a String does not fail.
        let _never = encode(&mut text, &self.registry);
        text
    }
}
