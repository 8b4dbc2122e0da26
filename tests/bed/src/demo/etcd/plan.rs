//! What growing would do, before it does it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::books::{PATIENCE, Stage};
use crate::demo::stage::HOSTS;
use crate::etcd::connect;

pub(super) async fn plan(stage: &mut Stage) -> Result<()> {
    stage.show.headline("The plan");
    let before = look(stage).await?;
    stage.etcdha(0, "member add m2 m3 --dry-run").await?;
    ensure!(
        before == look(stage).await?,
        "the dry run changed something"
    );
    stage.show.proven(
        "a dry run: the same one member, and no file of any host was made, removed or replaced",
    );
    Ok(())
}

/// The members' ids and the hosts' configuration, and the data directories of those that wait.
async fn look(stage: &Stage) -> Result<(Vec<u64>, BTreeSet<(PathBuf, u64)>)> {
    let endpoint = stage.endpoints(&["m1"]).remove(0);
    let mut client = connect(&endpoint, stage.books.tls.as_ref(), PATIENCE).await?;
    let answer = client.member_list().await.context("list the members")?;
    let ids = answer.members().iter().map(etcd_client::Member::id);
    let mut files = BTreeSet::new();
    for name in HOSTS {
        list(&stage.host(name).path("/etc/kubernetes"), &mut files)?;
    }
    for name in &HOSTS[1..] {
        list(&stage.host(name).path("/var/lib"), &mut files)?;
    }
    Ok((ids.collect(), files))
}

/// Lists everything below a directory with what tells a file from its replacement.
fn list(directory: &Path, found: &mut BTreeSet<(PathBuf, u64)>) -> Result<()> {
    let look = || format!("look at {}", directory.display());
    for entry in fs::read_dir(directory).with_context(look)? {
        let entry = entry.with_context(look)?;
        let inode = entry.metadata().with_context(look)?.ino();
        if found.insert((entry.path(), inode)) && entry.path().is_dir() {
            list(&entry.path(), found)?;
        }
    }
    Ok(())
}
