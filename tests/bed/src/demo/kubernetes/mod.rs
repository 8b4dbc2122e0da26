//! A kubeadm single master becomes three, and the API outlives each of them: the scenes, one file each.

mod books;
mod cluster_file;
mod fall;
mod grow;
mod last;
mod masters;
mod play;
mod prove;
mod repoint;
mod single_master;

pub(super) use play::play;
