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
mod journal;
mod link;
mod locations;
mod lookups;
mod members;
mod model;
mod models;
mod outgoing;
mod peer;
mod permission;
mod queue;
mod random;
mod record;
mod route;
mod s3;
mod script;
mod sessions;
mod settings;
mod storage;

pub use accept::{Server, StartError};
pub use call::{Call, Parts, Whole};
pub use fleet::ContainerState;
pub use locations::Location;
pub use lookups::Lookup;
pub use queue::QueueSettings;
pub use record::{Observer, Record};
pub use s3::S3Settings;
pub use script::Fault;
pub use settings::{
    Changeable, Component, ContainerAddress, Endpoint, Known, Limits, Settings, Target, Variant,
};
pub use storage::StorageSettings;
