//! Documents for programs. Each version's types stand apart from the domain's.

mod document;
pub mod v1;

pub(super) use document::{to_json, to_yaml};
