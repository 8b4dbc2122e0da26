//! Growing a living cluster: `etcdha member add` against real etcd, with a writer that keeps books.

mod catching_up;
pub(crate) mod external;
mod grow;
mod hosts;
mod killed;
mod leader_lost;
mod never_starts;
mod readded;
mod refusals;
pub(crate) mod run;
pub(crate) mod services;
mod undo;
