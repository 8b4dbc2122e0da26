//! Where everything a person or a program reads is written: results to stdout, the rest to stderr.
//!
//! Invariant: commands return values, this folder renders them. No other folder prints.

mod confirm;
mod format;
pub mod json;
mod page;
mod progress;
mod report;
mod table;
mod tone;
mod units;
mod writer;

pub use confirm::Consent;
pub use format::Format;
pub use page::Page;
pub use progress::Progress;
pub use report::Report;
pub use table::Table;
pub use tone::{Tone, clean};
pub use units::{count, elapsed};

pub use crate::model::bytes;
pub use writer::Output;

#[cfg(test)]
pub(crate) use tone::strip_marks;
