//! Does the test bed itself keep what it promises?

mod faults;
mod growth;
mod kubelet;
mod leftovers;
mod network;
