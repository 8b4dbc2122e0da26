//! In which order are the scenes played?

use std::time::Instant;

use anyhow::Result;

use super::books::{Books, Stage};
use super::cluster_file::cluster_file;
use super::fall::fall;
use super::grow::grow;
use super::last::last;
use super::masters::masters;
use super::prove::prove;
use super::repoint::repoint;
use super::single_master::single_master;
use crate::demo::options::Options;

/// Plays all scenes.
///
/// # Errors
/// A scene fails.
pub(in crate::demo) async fn play(options: &Options, start: Instant) -> Result<()> {
    // Opened before any host is made: a missing program is to be told at once.
    let books = Books::new()?;
    let mut stage = Stage::new(&options.etcdha, books)?;
    let stage = &mut stage;
    single_master(stage).await?;
    cluster_file(stage).await?;
    grow(stage).await?;
    masters(stage).await?;
    repoint(stage).await?;
    fall(stage).await?;
    prove(stage, start).await?;
    last(stage).await
}
