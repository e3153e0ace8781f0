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
mod fleet;
mod frames;
mod health;
mod lookups;
mod members;
mod model;
mod models;
mod outgoing;
mod peer;
mod permission;
mod random;
mod record;
mod route;
mod script;
mod sessions;
mod settings;

pub use accept::Server;
pub use call::{Call, Parts, Whole};
pub use fleet::ContainerState;
pub use lookups::Lookup;
pub use record::{Observer, Record};
pub use script::Fault;
pub use settings::{
    Changeable, Component, ContainerAddress, Endpoint, Known, Limits, Settings, Target, Variant,
};
