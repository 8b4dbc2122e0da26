//! `etcdha snapshot verify`.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::hashkv;
use super::source::{SourceArgs, open};
use crate::cli::error::Outcome;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Tone, bytes, clean, count};
use crate::model::SnapshotPlace;
use crate::model::hex;
use crate::ops::snapshot_look::snapshot_verify;
use crate::snapshot::verify::{
    Finding, Rule, Severity, Verification, VerifiedContents, VerifyOptions,
};

/// Check whether a snapshot is sound and can be restored
///
/// Checks the SHA-256, every page, the order of every tree, every revision, lease, member and mark.
/// Names the offset of each defect. The rules are listed in docs/snapshot-rules.md.
///
/// Examples:
///   $ etcdha snapshot verify backup.db
///   $ etcdha snapshot verify /mnt/old/member/snap/db --skip-hash-check
///   $ etcdha snapshot verify backup.db -o json | jq .restorable
///
/// Exit codes: 0 it can be restored, 1 the file cannot be read, 5 it cannot be restored
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Only warn where the SHA-256 is missing or wrong: for the copy of a member's database
    #[arg(long, help_heading = "Behaviour")]
    skip_hash_check: bool,
}

struct VerifyReport {
    place: SnapshotPlace,
    found: Verification,
}

impl Report for VerifyReport {
    const KIND: &'static str = "SnapshotVerification";

    fn document(&self) -> impl Serialize {
        let found = &self.found;
        let contents = found.contents.as_ref();
        let hash_kv = contents.and_then(|contents| contents.hash_kv.as_ref());
        v1::SnapshotVerification {
            path: self.place.to_string(),
            restorable: found.is_restorable(),
            errors: found.errors,
            warnings: found.warnings,
            file_bytes: found.file_bytes,
            sha256: found.sha256.as_ref().map(|sum| hex(sum)),
            revision: hash_kv.map(|hash_kv| hash_kv.current_revision),
            hash_kv: hash_kv.map(hashkv::document),
            storage_version: contents.map(|contents| contents.marks.version().to_string()),
            cluster_version: contents.and_then(|contents| contents.cluster_version.clone()),
            entries: contents.map(|contents| contents.entries),
            members: contents.map(|contents| contents.members.len() as u64),
            free_percent: contents.map(free_percent),
            findings: found.findings.iter().map(finding).collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        let found = &self.found;
        for finding in &found.findings {
            draw(page, finding);
        }
        let listed = found.findings.len() as u64;
        let all = found.errors + found.warnings;
        if all > listed {
            page.line(format!("… and {} more", count(all - listed)));
        }
        page.line(verdict(&self.place, found));
        if !found.is_restorable() {
            page.hint(advice(found));
        }
    }
}

fn finding(found: &Finding) -> v1::SnapshotFinding {
    v1::SnapshotFinding {
        rule: found.rule.id(),
        name: found.rule.name(),
        severity: word(found.severity),
        offset: found.offset,
        bucket: found.bucket.clone(),
        message: found.message.clone(),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn draw(page: &mut Page, found: &Finding) {
    let tone = match found.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warn,
    };
    let place = match found.offset {
        Some(offset) => format!("offset {offset}"),
        None => "file".to_owned(),
    };
    page.line(format!(
        "{}  {}  {} {}",
        Tone::Strong.paint(&place),
        tone.paint(word(found.severity)),
        found.rule.id(),
        found.rule.name()
    ));
    let bucket = found.bucket.as_ref();
    let bucket = bucket.map_or(String::new(), |name| format!("bucket {name}: "));
    page.line(format!("    {}{}", clean(&bucket), clean(&found.message)));
}

/// The one line that counts.
fn verdict(place: &SnapshotPlace, found: &Verification) -> String {
    let path = place.to_string();
    let path = clean(&path);
    let warnings = match found.warnings {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        many => format!(", {} warnings", count(many)),
    };
    let (true, Some(contents)) = (found.is_restorable(), &found.contents) else {
        let errors = match found.errors {
            1 => "1 error".to_owned(),
            many => format!("{} errors", count(many)),
        };
        let bad = Tone::Bad.paint("Cannot be restored");
        return format!("{bad}: {path}: {errors}{warnings}");
    };
    let good = Tone::Good.paint("Can be restored");
    let mut text = format!("{good}: {path}: {}", facts(contents));
    if found.sha256.is_some() && found.warnings == 0 {
        text.push_str(", SHA-256 fits");
    }
    text + &warnings
}

/// `revision 46, 11 keys, HashKV 4148963519, etcd 3.4.0, 24 KiB`.
fn facts(contents: &VerifiedContents) -> String {
    let mut text = String::new();
    if let Some(hash_kv) = &contents.hash_kv {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "revision {}, {} keys, HashKV {}, ",
            hash_kv.current_revision,
            hash_kv.live_keys.map_or_else(|| "?".to_owned(), count),
            hash_kv.hash
        );
    }
    let version = match &contents.cluster_version {
        Some(version) => version.clone(),
        None => contents.marks.version().to_string(),
    };
    let _ = write!(text, "etcd {version}, {}", bytes(contents.image_bytes));
    let free = free_percent(contents);
    if free > 0 {
        let _ = write!(text, " ({free} % free pages)");
    }
    text
}

fn free_percent(contents: &VerifiedContents) -> u64 {
    let free = contents.pages.saturating_sub(contents.used_pages);
    free.saturating_mul(100) / contents.pages.max(1)
}

fn advice(found: &Verification) -> String {
    let only_without_digest = found.findings.iter().all(|finding| {
        finding.severity == Severity::Warning || finding.rule == Rule::DigestMissing
    });
    if only_without_digest {
        "Next: where it is the copy of a stopped member's database, add --skip-hash-check"
            .to_owned()
    } else {
        "Next: take another snapshot; every member holds the same data".to_owned()
    }
}

pub(super) fn run(args: &VerifyArgs, output: &Output) -> Outcome {
    let options = VerifyOptions {
        skip_hash_check: args.skip_hash_check,
        count_live: true,
        known: None,
    };
    let source = match open(&args.source, output) {
        Ok(source) => source,
        Err(unopened) => return unopened.end(output),
    };
    let found = snapshot_verify(&source, options)?;
    let report = VerifyReport {
        place: source.place,
        found,
    };
    output.emit(&report)?;
    Ok(match report.found.is_restorable() {
        true => ExitCode::Done,
        false => ExitCode::Problems,
    })
}
