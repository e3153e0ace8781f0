//! When to let go of the interpreter.

use pyo3::prelude::*;

/// Below this many bytes of hashing or copying, detaching costs more than it gives.
///
/// CPython's `hashlib` and pyca/cryptography draw the line at the same place.
pub(crate) const DETACH_THRESHOLD_BYTES: usize = 2048;

/// Runs `work`, detached from the interpreter when it has at least the threshold's bytes to chew.
pub(crate) fn detached_above<T: Send>(
    py: Python<'_>,
    bytes: usize,
    work: impl FnOnce() -> T + Send,
) -> T {
    if bytes < DETACH_THRESHOLD_BYTES { work() } else { py.detach(work) }
}
