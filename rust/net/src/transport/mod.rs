//! A connection, a pool, a deadline.
