//! The real Kubernetes on the test hosts, and the stand-in held against it.

mod facts;
mod files;
mod leftovers;
mod life;
mod master;
mod pair;
mod process;
