//! The show behind `scripts/demo`: etcdha's main job against real etcd, as a person would see it.
//!
//! A scene is a file in `scenes` with one function over the shared [`Stage`]; [`run()`] plays them
//! in order. A scene prints a headline, the commands as they are typed with what they really
//! print, and what was proven.

mod options;
mod run;
mod scenes;
mod show;
mod stage;

pub(crate) use options::Options;
pub(crate) use run::run;

use stage::Stage;
