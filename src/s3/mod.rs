//! An S3-compatible store from outside: objects that are put whole, read, listed and removed.
//!
//! Invariant: secrets are in no error, log or `Debug`. An object that was put has been compared with what
//! was sent; an upload that fails leaves nothing, unless the process is killed.
//!
//! Requests are signed and documents read by rusty-s3, which does no I/O; they go over the hyper and
//! rustls that are here for etcd anyway.

mod access;
mod client;
mod credentials;
mod error;
mod objects;
mod transport;
mod upload;
mod uploads;

pub use access::{AccessError, S3Access, S3Credentials, S3Settings};
pub use client::S3Client;
pub use credentials::CredentialsError;
pub use error::S3Error;
pub use objects::{Fetched, ListedObject};
pub use uploads::PendingUpload;
