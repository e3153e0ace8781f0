//! A line of JSON for each call, written by a thread of its own.
//!
//! A disk or a pipe that is slow must not hold up calls: beyond some thousand lines that wait, lines
//! are lost, and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use serde::Serialize;

use crate::server::Record;

/// Lines that may wait.
const WAITING: usize = 8192;
/// How long a line may wait for more lines to be written with.
const FLUSH_AFTER: Duration = Duration::from_millis(100);

/// What a line says. Neither secrets nor bodies; the key's public half names the caller.
#[derive(Serialize)]
struct Line<'a> {
    time: f64,
    request_id: &'a str,
    peer: Option<SocketAddr>,
    access_key_id: &'a str,
    operation: &'a str,
    endpoint: &'a str,
    variant: &'a str,
    container: &'a str,
    status: u16,
    error: &'a str,
    bytes_in: usize,
    bytes_out: u64,
    first_byte_ms: Option<f64>,
    took_ms: f64,
    cut: bool,
}

/// Where lines go.
pub(super) struct AccessLog {
    sender: Option<SyncSender<String>>,
    lost: Counter<u64, AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl AccessLog {
    /// Writes to a file, or to standard error for `-`.
    pub(super) fn open(path: &Path, lost: Counter<u64, AtomicU64>) -> io::Result<Self> {
        let writer: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(io::stderr())
        } else {
            Box::new(append_to(path)?)
        };
        let (sender, receiver) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("sagewire-access-log".to_owned()).spawn({
            let lost = lost.clone();
            move || write(&receiver, BufWriter::new(writer), &lost)
        })?;
        Ok(Self { sender: Some(sender), lost, thread: Some(thread) })
    }

    /// Takes a call's line, unless too many wait.
    pub(super) fn take(&self, record: &Record, now: Duration) {
        let milliseconds = |took: Duration| (took.as_secs_f64() * 1e6).round() / 1e3;
        let line = Line {
            time: (now.as_secs_f64() * 1e3).round() / 1e3,
            request_id: &record.request_id,
            peer: record.peer,
            access_key_id: &record.access_key_id,
            operation: record.operation,
            endpoint: &record.endpoint,
            variant: &record.variant,
            container: &record.container,
            status: record.status,
            error: &record.error,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            first_byte_ms: record.first_byte.map(milliseconds),
            took_ms: milliseconds(record.took),
            cut: record.cut,
        };
        let Ok(mut line) = serde_json::to_string(&line) else { return };
        line.push('\n');
        let taken = self.sender.as_ref().is_some_and(|sender| sender.try_send(line).is_ok());
        if !taken {
            self.lost.inc();
        }
    }
}

impl Drop for AccessLog {
    /// Writes what waits.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn write(
    lines: &Receiver<String>,
    mut writer: BufWriter<Box<dyn Write + Send>>,
    lost: &Counter<u64, AtomicU64>,
) {
    let mut dirty = false;
    loop {
        let line = if dirty {
            match lines.recv_timeout(FLUSH_AFTER) {
                Ok(line) => Some(line),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        } else {
            match lines.recv() {
                Ok(line) => Some(line),
                Err(_disconnected) => break,
            }
        };
        // A log that cannot be written must not end the service.
        dirty = match line {
            Some(line) if writer.write_all(line.as_bytes()).is_ok() => true,
            Some(_not_written) => {
                lost.inc();
                true
            }
            None => writer.flush().is_err(),
        };
    }
    let _best_effort = writer.flush();
}
