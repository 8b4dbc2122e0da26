//! The real Kubernetes on the test hosts, and the stand-in held against it.

mod master;
