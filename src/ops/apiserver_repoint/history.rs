//! What earlier runs did to a node's manifest, as their receipts tell.

use crate::model::NodeName;
use crate::ops::receipts::FoundReceipt;
use crate::plan::{Action, FileExpectation, Receipt, StepState};

use super::Wish;

/// The last time a node's apiserver was given another manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRepoint {
    /// SHA-256 of what stood there before.
    pub old_sha256: String,
    /// What was written.
    pub new_text: String,
    /// True where the apiserver proved that it works with it.
    pub is_proven: bool,
}

/// The last repoint or rollback of a node that was begun and not taken back.
pub(super) fn last_change(found: &[FoundReceipt], node: &NodeName) -> Option<LastRepoint> {
    let mut newest = found.iter().rev();
    newest.find_map(|found| change_in(&found.receipt, node))
}

/// The last repoint of a node, whether or not it was rolled back since.
pub(super) fn last_repoint(found: &[FoundReceipt], node: &NodeName) -> Option<LastRepoint> {
    let is_repoint = |found: &&FoundReceipt| found.receipt.plan.command != Wish::Previous.command();
    let mut newest = found.iter().rev().filter(is_repoint);
    newest.find_map(|found| change_in(&found.receipt, node))
}

fn change_in(receipt: &Receipt, node: &NodeName) -> Option<LastRepoint> {
    let steps = receipt.plan.steps.iter().zip(&receipt.steps);
    let of_node = || steps.clone().filter(|(step, _)| step.on == node.as_str());
    let change = of_node().find_map(|(step, record)| match &step.action {
        Action::RepointApiserver(repoint) if record.state.has_begun() => Some(repoint),
        _ => None,
    })?;
    let FileExpectation::Sha256 { hash } = &change.file.expect else {
        return None;
    };
    let is_proven = of_node().any(|(step, record)| {
        matches!(step.action, Action::ProveWriteThrough { .. }) && record.state == StepState::Done
    });
    Some(LastRepoint {
        old_sha256: hash.clone(),
        new_text: change.file.contents.clone(),
        is_proven,
    })
}

impl LastRepoint {
    /// True where this text is the one that stood there before.
    pub(super) fn is_old(&self, text: &str) -> bool {
        FileExpectation::of(text.as_bytes())
            == FileExpectation::Sha256 {
                hash: self.old_sha256.clone(),
            }
    }
}
