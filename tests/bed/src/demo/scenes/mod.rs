//! The scenes, one file each.

mod cluster_file;
mod failure;
mod grow;
mod plan;
mod prove;
mod single_member;
mod status;
mod summary;

pub(super) use cluster_file::cluster_file;
pub(super) use failure::failure;
pub(super) use grow::grow;
pub(super) use plan::plan;
pub(super) use prove::prove;
pub(super) use single_member::single_member;
pub(super) use status::status;
pub(super) use summary::summary;
