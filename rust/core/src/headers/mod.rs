//! Which headers the API supports, per operation and direction.
