//! A test bed for etcdha: hosts on one machine, a stand-in for the kubelet, and workloads.
//!
//! [`Bed`] makes test hosts ([`Host`]) out of network, mount, UTS and PID namespaces, joined by a
//! bridge in a namespace of its own. [`kubelet`] runs static pods on them as the kubelet would, and
//! [`kubernetes`] runs the real kubelet and a real control plane.
//! [`Writer`] and [`verify`] keep books about every write that etcd acknowledged.
//!
//! Invariant: nothing a bed makes outlives it. Processes die with the program that made the bed,
//! whatever killed it; what the kernel keeps (namespaces, links, mounts, directories) has names
//! that the next bed derives from a free slot, and sweeps. Needs root.

mod bed;
mod bench;
mod cgroups;
pub mod cli;
mod clock;
mod debs;
mod demo;
pub mod etcd;
mod exec;
mod host;
mod host_init;
pub mod kubelet;
pub mod kubernetes;
pub mod manifest;
mod net;
pub mod pki;
mod proc;
mod program;
mod registers;
mod registry;
mod strike;
pub mod verify;
pub mod wait;
mod writer;

pub use bed::{Bed, BedConfig};
pub use debs::{Binaries, EtcdRelease, require_tool};
pub use exec::{Output, capture, run};
pub use host::{Daemon, Host, HostConfig};
pub use kubelet::{ContainerStatus, KubeletConfig, PodStatus, Status};
pub use pki::KubeadmPki;
pub use program::{Program, entry};
pub use registers::{Registers, RegistersReport};
pub use registry::sweep;
pub use strike::{Call, strike};
pub use writer::{Writer, WriterConfig, WriterReport};
