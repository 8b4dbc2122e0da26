//! The generated documents in `docs/` are what the code says.

use std::collections::BTreeSet;
use std::path::Path;

use etcdha::cli::{ExitCode, reference};
use etcdha::manifest::lint;
use etcdha::pki::check::Rule;
use etcdha::snapshot::verify;

use crate::harness::check_document;

#[test]
fn the_command_reference_is_the_help_of_every_command() {
    let pages = reference();
    for page in &pages {
        check_document(&format!("docs/commands/{}", page.name), &page.text);
    }
    let expected: BTreeSet<_> = pages.into_iter().map(|page| page.name).collect();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands");
    let found = std::fs::read_dir(dir).unwrap();
    let found: BTreeSet<_> = found
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected, "a page for each command and nothing else");
}

#[test]
fn the_exit_codes_are_documented() {
    check_document("docs/exit-codes.md", &ExitCode::document());
}

#[test]
fn the_rules_for_certificates_are_documented() {
    check_document("docs/certificate-rules.md", &Rule::document());
}

#[test]
fn the_rules_for_snapshots_are_documented() {
    check_document("docs/snapshot-rules.md", &verify::Rule::document());
}

#[test]
fn the_rules_for_manifests_are_documented() {
    check_document("docs/lint-rules.md", &lint::document());
}

#[test]
fn help_lines_fit_on_the_screen() {
    for page in reference() {
        for line in page.text.lines() {
            assert!(line.chars().count() <= 100, "{}: {line}", page.name);
        }
    }
}
