//! Which headers the API supports, per operation and direction.
//!
//! Twin: `python/sagewire/_pure/headers/`.

mod filter;
mod table;

pub use filter::{ALLOWED_TEXT, Found, HeaderError, Part, filter_request, filter_response};
pub use table::Operation;
