//! The cluster file from outside: mistakes as they are told, round trips, and the schema.

mod frontend;
mod mistakes;
mod round_trip;
mod schema;

/// The shortest file that is right.
pub(super) const GOOD: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd: {version: 3.5.16}
members:
  - {name: m1, address: 10.0.0.11}
";
