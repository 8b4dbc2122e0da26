//! How are the hosts that wait named in the cluster file that `etcdha init` wrote?

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, ensure};

use super::stage::{HOSTS, Stage};

const FILE: &str = "etcdha.yaml";
/// The last line that `init` writes of the first member.
const LAST_OF_M1: &str = "    root: hosts/m1\n";

/// Adds the other hosts, as a person does with an editor.
pub(super) fn add_members<B>(stage: &Stage<B>) -> Result<()> {
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

/// Shows what it says then.
pub(super) async fn show_file<B>(stage: &Stage<B>) -> Result<()> {
    stage
        .show
        .say("m2 and m3 are added under members: with an editor. Without its comments it says:");
    stage.shell(&format!("grep -vE '^ *(#|$)' {FILE}")).await
}
