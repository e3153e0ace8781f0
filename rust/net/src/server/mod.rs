//! The local endpoint's wire side.
