//! Documents about manifests and units.

use serde::Serialize;

/// `etcdha manifest lint`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestLint {
    /// True without errors.
    pub healthy: bool,
    /// How many findings are errors.
    pub errors: usize,
    /// How many are warnings.
    pub warnings: usize,
    /// How many files were read.
    pub files: usize,
    /// What is wrong.
    pub findings: Vec<ManifestFinding>,
    /// Rules that could not be applied.
    pub unchecked: Vec<UncheckedRule>,
}

/// A broken rule.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestFinding {
    /// The rule's id, such as `M012`; it never changes its meaning.
    pub rule: &'static str,
    /// The rule's name.
    pub name: &'static str,
    /// `error`, `warning` or `info`.
    pub severity: &'static str,
    /// The file.
    pub path: String,
    /// The line in it.
    pub line: usize,
    /// The column in that.
    pub column: usize,
    /// What stands there and why that is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// A rule that needs files of a host which are not at hand.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UncheckedRule {
    /// The rule's id.
    pub rule: &'static str,
    /// The rule's name.
    pub name: &'static str,
    /// The manifest.
    pub path: String,
}

/// `etcdha manifest systemd`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemdUnit {
    /// The member.
    pub member: String,
    /// Contents of `etcd.service`.
    pub unit: String,
    /// Where the environment file belongs.
    pub environment_file: String,
    /// Its contents.
    pub environment: String,
}
