//! Event-stream messages (`application/vnd.amazon.eventstream`).
