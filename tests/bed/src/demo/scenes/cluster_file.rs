//! The cluster file: read from the kubeadm host, and the two other hosts added by hand.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, ensure};

use crate::demo::stage::{HOSTS, Stage};

const FILE: &str = "etcdha.yaml";
/// The last line that `init` writes of the first member.
const LAST_OF_M1: &str = "    root: hosts/m1\n";

pub(in crate::demo) async fn cluster_file(stage: &mut Stage) -> Result<()> {
    stage.show.headline("The cluster file, read from that host");
    let init = "init --from-host --root hosts/m1 --name prod --topology stacked";
    stage.etcdha(0, init).await?;
    add_members(stage)?;
    stage
        .show
        .say("m2 and m3 are added under members: with an editor. Without its comments it says:");
    stage.shell(&format!("grep -vE '^ *(#|$)' {FILE}")).await?;
    stage.etcdha(0, "config check").await?;
    let check = "certs check hosts/m1/etc/kubernetes/pki --node m1";
    stage.etcdha(0, check).await?;
    stage
        .show
        .proven("etcdha knows the cluster; kubeadm's certificates are in order");
    Ok(())
}

/// What a person does with an editor.
fn add_members(stage: &Stage) -> Result<()> {
    let file = stage.dir.join(FILE);
    let text = fs::read_to_string(&file).context("read the cluster file")?;
    ensure!(
        text.contains(LAST_OF_M1),
        "the cluster file does not name m1 as expected:\n{text}"
    );
    let mut members = LAST_OF_M1.to_owned();
    for name in &HOSTS[1..] {
        let address = stage.host(name).address();
        let _ = write!(
            members,
            "  - name: {name}\n    address: {address}\n    root: hosts/{name}\n"
        );
    }
    fs::write(&file, text.replacen(LAST_OF_M1, &members, 1)).context("write the cluster file")
}
