//! YAML as an editor sees it: every node with the bytes it was written in.
//!
//! Reading keeps what a deserializer throws away (spans, quoting, flow or block, aliases), so that a
//! finding names its line and an edit touches no byte it does not own.

mod lines;
mod parse;
mod quote;
mod scalar;
mod tree;
mod value;
mod write;

pub use lines::Position;
pub(crate) use parse::parse;
pub(crate) use quote::like;
pub(crate) use scalar::Scalar;
pub(crate) use tree::{Entry, NodeId, NodeKind, Style, Tree};
pub(crate) use value::to_value;
pub(crate) use write::{Yaml, write, write_block, write_flow};
