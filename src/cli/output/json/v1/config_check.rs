//! `etcdha config check`.

use serde::Serialize;

/// What is wrong with a cluster file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigCheck {
    /// The file.
    pub file: String,
    /// The cluster's name, where the file could be used.
    pub cluster: Option<String>,
    /// Mistakes and warnings, in the order of the file.
    pub findings: Vec<ConfigFinding>,
}

/// One mistake or warning.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigFinding {
    /// `error` or `warning`.
    pub severity: &'static str,
    /// The field, such as `members[2].address`.
    pub path: String,
    /// Line, counted from 1.
    pub line: Option<usize>,
    /// Column in characters, counted from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub expected: Option<String>,
    /// What to do.
    pub fix: Option<String>,
}
