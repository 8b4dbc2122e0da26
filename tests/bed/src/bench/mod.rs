//! The race behind `benches/join`: one master's etcd joins by kubeadm's own phase and by etcdha, in turn,
//! on one cluster with data and a writer.

mod field;
mod options;
mod report;
mod run;
mod ways;

pub(crate) use options::Options;
pub(crate) use run::run;
