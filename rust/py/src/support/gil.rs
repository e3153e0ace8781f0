//! When to let go of the interpreter.

/// Below this many bytes of hashing or copying, detaching costs more than it gives.
///
/// CPython's `hashlib` and pyca/cryptography draw the line at the same place.
pub(crate) const DETACH_THRESHOLD_BYTES: usize = 2048;
