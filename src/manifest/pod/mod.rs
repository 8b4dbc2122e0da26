//! What a static pod manifest says: the parts of a Pod that decide how etcd or an apiserver runs,
//! each value with its place in the file.
//!
//! The model is read-only. Unknown fields are left out of it but not out of the file: edits work on
//! the text.

mod container;
mod mapping;
mod model;
mod probe;
mod read;
mod volume;

pub use mapping::PathInPod;
pub(crate) use mapping::inside;
pub use model::{
    Container, ContainerPort, EnvVar, HttpGet, Located, Probe, ProbeAction, ProbePort, StaticPod,
    Volume, VolumeMount, VolumeSource,
};

#[cfg(test)]
mod tests;
