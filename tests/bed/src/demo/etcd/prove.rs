//! Every acknowledged write is on every member, again and again, while more are made.

use std::time::Duration;

use anyhow::Result;

use super::books::Stage;
use crate::demo::show;
use crate::demo::stage::HOSTS;

/// How often it is proven.
const ROUNDS: usize = 3;
/// How long the writer writes between two rounds.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn prove(stage: &mut Stage) -> Result<()> {
    stage
        .show
        .headline("Is every acknowledged write on every member?");
    let mut rows = Vec::new();
    for round in 1..=ROUNDS {
        if round > 1 {
            tokio::time::sleep(PAUSE).await;
        }
        let proof = stage.prove(&HOSTS).await?;
        let keys = show::count(proof.keys);
        rows.push([
            round.to_string(),
            keys.clone(),
            keys,
            show::count(proof.revision),
            proof.hash.to_string(),
        ]);
    }
    let head = [
        "ROUND",
        "ACKNOWLEDGED",
        "READ FROM EACH",
        "REVISION",
        "HASHKV OF ALL THREE",
    ];
    stage.show.table(head, &rows);
    stage.show.proven(
        "each member was asked twice: what the cluster agrees on, and what it holds itself",
    );
    Ok(())
}
