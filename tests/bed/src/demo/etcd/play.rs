//! In which order are the scenes played?

use std::time::Instant;

use anyhow::Result;

use super::all_lost::all_lost;
use super::books::{Books, Stage};
use super::cluster_file::cluster_file;
use super::failure::failure;
use super::grow::grow;
use super::plan::plan;
use super::prove::prove;
use super::single_member::single_member;
use super::status::status;
use super::summary::summary;
use crate::demo::options::Options;

/// Plays all scenes.
///
/// # Errors
/// A scene fails.
pub(in crate::demo) async fn play(options: &Options, start: Instant) -> Result<()> {
    // Opened before any host is made: a missing program is to be told at once.
    let books = Books::new(options)?;
    let mut stage = Stage::new(&options.etcdha, books)?;
    let stage = &mut stage;
    single_member(stage).await?;
    cluster_file(stage).await?;
    plan(stage).await?;
    grow(stage).await?;
    prove(stage).await?;
    status(stage).await?;
    failure(stage).await?;
    summary(stage, start).await?;
    all_lost(stage).await
}
