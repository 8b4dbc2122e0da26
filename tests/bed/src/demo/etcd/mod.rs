//! One etcd member becomes three while a client writes: the scenes, one file each.

mod all_lost;
mod books;
mod cluster_file;
mod failure;
mod grow;
mod plan;
mod play;
mod prove;
mod single_member;
mod status;
mod summary;

pub(super) use play::play;
