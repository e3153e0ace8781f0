//! From a name to its addresses, in a bounded time.
//!
//! The system's look-up takes no limit and cannot be interrupted, so it has a thread of its own. A
//! pool has one at most: whoever comes while it runs waits for the same answer. One that is given
//! up runs to its end, as long as the system's resolver lets it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connect::{called, timeout};
use super::deadline::Limits;
use super::error::TransportError;
use super::watch::Watch;

type Answer = Result<Vec<SocketAddr>, String>;

/// The look-ups of one pool in one process.
#[derive(Default)]
pub(crate) struct Resolver {
    running: Mutex<Option<Arc<Lookup>>>,
}

/// A look-up that runs, or has just ended.
#[derive(Default)]
struct Lookup(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    answer: Option<Answer>,
    /// Rung when the answer is here: a wait on a socket has a limit, and a signal ends it.
    bells: Vec<Arc<UnixStream>>,
}

impl Resolver {
    /// The addresses of a host, in the order of the system's resolver.
    pub(crate) fn resolve(
        &self,
        host: &str,
        port: u16,
        limits: &Limits,
        watch: Watch<'_>,
    ) -> Result<Vec<SocketAddr>, TransportError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let lookup = self.joined(host, port).map_err(failed)?;
        lookup.wait(limits, watch)?.map_err(TransportError::Connect)
    }

    fn joined(&self, host: &str, port: u16) -> io::Result<Arc<Lookup>> {
        let mut running = lock(&self.running);
        if let Some(lookup) = &*running
            && lock(&lookup.0).answer.is_none()
        {
            return Ok(Arc::clone(lookup));
        }
        let lookup = Arc::new(Lookup::default());
        let (theirs, host) = (Arc::clone(&lookup), host.to_owned());
        std::thread::Builder::new().name("sagewire-lookup".to_owned()).spawn(move || {
            let found = (host.as_str(), port).to_socket_addrs();
            theirs.give(found.map(Iterator::collect).map_err(|error| error.to_string()));
        })?;
        *running = Some(Arc::clone(&lookup));
        Ok(lookup)
    }
}

impl Lookup {
    fn give(&self, answer: Answer) {
        let mut waiting = lock(&self.0);
        waiting.answer = Some(answer);
        for bell in waiting.bells.drain(..) {
            // Whoever has given up does not hear it.
            let _ = (&*bell).write(&[1]);
        }
    }

    fn wait(&self, limits: &Limits, watch: Watch<'_>) -> Result<Answer, TransportError> {
        let (ours, bell) = UnixStream::pair().map_err(failed)?;
        let bell = Arc::new(bell);
        {
            let mut waiting = lock(&self.0);
            if let Some(answer) = &waiting.answer {
                return Ok(answer.clone());
            }
            waiting.bells.push(Arc::clone(&bell));
        }
        let heard = hear(&ours, limits, watch);
        let mut waiting = lock(&self.0);
        waiting.bells.retain(|other| !Arc::ptr_eq(other, &bell));
        heard?;
        waiting.answer.clone().ok_or_else(|| TransportError::Connect("no answer".to_owned()))
    }
}

fn hear(
    mut bell: &UnixStream,
    limits: &Limits,
    mut watch: Watch<'_>,
) -> Result<(), TransportError> {
    loop {
        let left = limits.wait().map_err(timeout)?;
        // Zero would mean "for ever" to the system.
        let wait = watch.slice(left).map(|wait| wait.max(Duration::from_micros(1)));
        bell.set_read_timeout(wait).map_err(failed)?;
        match bell.read(&mut [0]) {
            Ok(0) => return Err(failed(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => return Ok(()),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => watch.signalled().map_err(called)?,
                io::ErrorKind::WouldBlock if watch.look(left).map_err(called)? => {}
                io::ErrorKind::WouldBlock => return Err(timeout(limits.which())),
                _ => return Err(failed(error)),
            },
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: io::Error) -> TransportError {
    TransportError::Connect(error.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Held for a look or a change, never while waiting.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::watch::Interrupt;
    use super::{Limits, Lookup, Resolver, TransportError, Watch, lock};

    fn watch() -> Watch<'static> {
        Watch::new(Interrupt { wanted: || true, heard_here: || false }, None)
    }

    #[test]
    fn an_address_needs_no_thread() {
        let resolver = Resolver::default();
        for host in ["127.0.0.1", "::1"] {
            let found = resolver.resolve(host, 80, &Limits::default(), watch());
            assert_eq!(found.map(|found| found.len()), Ok(1));
        }
        assert!(lock(&resolver.running).is_none());
    }

    #[test]
    fn all_who_wait_hear_the_answer() {
        let lookup = Lookup::default();
        std::thread::scope(|scope| {
            let waits: Vec<_> =
                (0..8).map(|_| scope.spawn(|| lookup.wait(&Limits::default(), watch()))).collect();
            while lock(&lookup.0).bells.len() < 8 {
                std::thread::yield_now();
            }
            lookup.give(Err("no such name".to_owned()));
            for wait in waits {
                assert_eq!(wait.join().ok(), Some(Ok(Err("no such name".to_owned()))));
            }
        });
    }

    #[test]
    fn a_wait_has_an_end_and_leaves_no_bell() {
        let lookup = Lookup::default();
        let until = Some(Instant::now() + Duration::from_millis(30));
        let limits = Limits { until, ..Limits::default() };
        // Without a signal nobody is asked, whatever the answer would be.
        assert_eq!(lookup.wait(&limits, watch()), Err(TransportError::ConnectTimeout));
        assert!(lock(&lookup.0).bells.is_empty());
    }
}
