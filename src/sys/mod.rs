//! The outside world: files, locks, signals, the wall clock. Everything that touches a disk goes
//! through here.

pub mod files;
pub mod http_get;
pub mod http_kept;
pub mod http_serve;
pub mod lock;
pub mod metrics_file;
pub mod pairs;
pub mod process;
pub mod scratch;
pub mod scratch_dir;
pub mod space;
pub mod staged;
pub mod staged_dir;
pub mod sysctl;
pub mod tcp;
pub mod tls_probe;
pub mod walk;
pub mod write_behind;
