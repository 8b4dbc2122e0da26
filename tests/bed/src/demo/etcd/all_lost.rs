//! Every host loses etcd's data, and one command brings it back from a snapshot.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::books::{PATIENCE, Stage};
use crate::demo::show;
use crate::demo::stage::HOSTS;
use crate::etcd::{connect, load};

/// Keys that are written after the snapshot, and so are lost with the data.
const LATER: usize = 100;

pub(super) async fn all_lost(stage: &mut Stage) -> Result<()> {
    stage
        .show
        .headline("All three lose their data, and one command brings it back");
    stage.etcdha(0, "snapshot save etcd.db").await?;
    let endpoint = stage.endpoints(&["m2"]).remove(0);
    let tls = stage.books.tls.clone();
    let later = load(&endpoint, tls.as_ref(), "/later/", LATER, 10).await?;
    stage.show.say(format!(
        "{LATER} more keys are written. Then every host loses its power and /var/lib/etcd/member."
    ));
    for name in HOSTS {
        stage.host(name).kill_all();
    }
    for name in HOSTS {
        let member = stage.host(name).path("/var/lib/etcd/member");
        fs::remove_dir_all(&member).with_context(|| format!("remove {}", member.display()))?;
        stage.host(name).start()?;
    }
    stage
        .etcdha(0, "snapshot restore --cluster etcd.db --yes")
        .await?;

    // Reads at the revision of a write need one that was not compacted by the restore.
    let after = load(&endpoint, tls.as_ref(), "/after/", 1, 10).await?;
    stage.books.acknowledged.extend(after);
    let proof = stage.prove(&HOSTS).await?;
    let mut client = connect(&endpoint, tls.as_ref(), PATIENCE).await?;
    let found = client.get(later[0].key.as_str(), None).await?;
    ensure!(found.count() == 0, "a key from after the snapshot is there");
    stage.show.proven(format!(
        "all {} writes up to the snapshot are on all three again, and one from now; HashKV {}",
        show::count(proof.keys - 1),
        proof.hash
    ));
    Ok(())
}
