//! A test host: what it is, how it starts, what runs on it, what befalls it.

mod agent;
mod boot;
mod config;
mod daemon;
mod faults;
mod kubernetes;
mod machine;
mod pods;
mod seclusion;
mod service;

pub use config::HostConfig;
pub use daemon::Daemon;
pub use machine::Host;
