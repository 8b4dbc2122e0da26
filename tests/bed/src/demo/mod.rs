//! The shows behind `scripts/demo`: etcdha's main job as a person would see it, against real etcd
//! ([`etcd`]) and against real Kubernetes ([`kubernetes`]).
//!
//! A scene is a file with one function over the shared [`stage::Stage`]; a play is a folder of scenes and
//! what it keeps books of. A scene prints a headline, the commands as they are typed with what they
//! really print, and what was proven.

mod cluster_file;
mod etcd;
mod kubernetes;
mod options;
mod run;
mod show;
mod stage;

pub(crate) use options::Options;
pub(crate) use run::run;
