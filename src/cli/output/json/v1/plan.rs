//! `--dry-run` of every command that changes something.

use serde::Serialize;

use crate::plan::Action;

/// What would be done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan<'a> {
    /// The command.
    pub command: &'a str,
    /// One line about it.
    pub headline: &'a str,
    /// The steps, in order.
    pub steps: Vec<PlanStep<'a>>,
    /// What was looked at and found in order.
    pub checked: &'a [String],
    /// What to know before saying yes.
    pub notes: &'a [String],
}

/// One step.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanStep<'a> {
    /// Its number, from 1.
    pub number: usize,
    /// The node it happens on.
    pub on: &'a str,
    /// What is done, for people.
    pub what: String,
    /// How far it can be taken back.
    pub undo: String,
    /// Voting members once it is done.
    pub voters: Option<usize>,
    /// Members that may then fail.
    pub tolerates_failures: Option<usize>,
    /// What is done, in full, as receipts keep it.
    pub action: &'a Action,
}

/// What `etcdha undo` would take back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoPlan<'a> {
    /// The receipt's file.
    pub receipt: String,
    /// The command that made the plan.
    pub command: &'a str,
    /// Numbers of the steps, in the order of undoing.
    pub steps: Vec<usize>,
    /// The step at which the way back ends.
    pub ends_at: Option<&'a str>,
}
