//! The local endpoint's wire side: accept, authenticate, route, ask the model, answer.
//!
//! Twin: `python/sagewire/_pure/server/`.

mod accept;
mod authenticate;
mod body;
mod call;
mod calls;
mod container;
mod errors;
mod exchange;
mod peer;
mod request_id;
mod route;
mod settings;

pub use accept::Server;
pub use call::{Call, Parts, Whole};
pub use settings::{ContainerAddress, Settings};
