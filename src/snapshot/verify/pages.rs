//! What is wrong with the file and its pages.

use super::VerifyOptions;
use super::finding::{Findings, Severity};
use super::rule::Rule;
use crate::datadir::bolt::{
    BoltError, Defect, DefectKind, Freelist, Image, PageSet, ReadAt, Trailer,
};
use crate::model::hex;

/// A file that cannot be opened.
pub(super) fn unusable(error: &BoltError, findings: &mut Findings) {
    let (rule, offset) = match error {
        BoltError::Empty => (Rule::EmptyFile, None),
        BoltError::BigEndian => (Rule::BigEndian, None),
        BoltError::Truncated { size, .. } => (Rule::Truncated, Some(*size)),
        BoltError::NoMeta { offset, .. } => (Rule::NotADatabase, Some(*offset)),
        BoltError::Damaged(found) => return defect(None, found, findings),
        BoltError::Io { offset, .. } => (Rule::NotADatabase, Some(*offset)),
    };
    findings.error(rule, offset, error.to_string());
}

/// The meta page that is not in force must be valid too.
pub(super) fn metas<R: ReadAt>(image: &Image<R>, findings: &mut Findings) {
    for (number, meta) in image.metas().iter().enumerate() {
        if let Err(reason) = meta {
            let offset = number as u64 * image.page_size();
            let message = format!("meta page {number} has {reason}; the other one is used");
            findings.error(Rule::MetaPage, Some(offset), message);
        }
    }
}

/// The digest, or what stands in its place.
pub(super) fn trailer<R: ReadAt>(
    image: &Image<R>,
    sha256: Option<[u8; 32]>,
    options: VerifyOptions,
    findings: &mut Findings,
) {
    let severity = match options.skip_hash_check {
        true => Severity::Warning,
        false => Severity::Error,
    };
    let end = image.image_bytes();
    match image.trailer() {
        Trailer::Digest(stated) if sha256 == Some(stated) => {}
        Trailer::Digest(stated) => {
            let message = format!(
                "the SHA-256 of the {} bytes before is {}, but the file says {}",
                image.digested_bytes(),
                hex(&sha256.unwrap_or_default()),
                hex(&stated)
            );
            let offset = Some(image.digested_bytes());
            findings.push(severity, Rule::DigestMismatch, offset, None, message);
        }
        Trailer::Absent => {
            let message = "no SHA-256 follows the image: the copy of a database file, or a snapshot \
                           that lost its end";
            let message = message.to_owned();
            findings.push(severity, Rule::DigestMissing, Some(end), None, message);
        }
        Trailer::Unknown { bytes } => {
            let message = format!(
                "{bytes} bytes follow the image, expected the 32 bytes of a SHA-256 or whole pages"
            );
            findings.error(Rule::UnknownTrailer, Some(end), message);
        }
    }
}

/// A defect that a walk met.
pub(super) fn defect(bucket: Option<&str>, found: &Defect, findings: &mut Findings) {
    let rule = match &found.kind {
        DefectKind::PageId { .. } | DefectKind::PageFlags { .. } => Rule::PageHeader,
        DefectKind::PageOutOfRange { .. }
        | DefectKind::OverflowOutOfRange { .. }
        | DefectKind::TooDeep(_)
        | DefectKind::EmptyBranch => Rule::PageReference,
        DefectKind::ReachedTwice => Rule::PageReachedTwice,
        DefectKind::Count { .. } | DefectKind::ElementBounds { .. } | DefectKind::EmptyKey => {
            Rule::ElementBounds
        }
        DefectKind::KeyOrder | DefectKind::KeyRange => Rule::KeyOrder,
        DefectKind::NotABucket | DefectKind::NestedBucket | DefectKind::BucketHeader(_) => {
            Rule::BucketHeader
        }
        DefectKind::Freelist(_) => Rule::Freelist,
    };
    let place = match found.element {
        Some(element) => format!("page {}, element {element}", found.page),
        None => format!("page {}", found.page),
    };
    findings.push(
        Severity::Error,
        rule,
        Some(found.offset),
        bucket.map(str::to_owned),
        format!("{place}: {}", found.kind),
    );
}

/// A list of free pages must name every page that no tree reaches, once, and no other.
pub(super) fn freelist<R: ReadAt>(
    image: &Image<R>,
    reached: &PageSet,
    findings: &mut Findings,
) -> Result<(), BoltError> {
    let list = match image.freelist() {
        Ok(None) => return Ok(()),
        Ok(Some(list)) => list,
        Err(BoltError::Damaged(found)) => {
            defect(None, &found, findings);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let offset = list.page * image.page_size();
    for (message, id) in contradictions(&list, reached, image.meta().high_water_mark) {
        findings.error(Rule::Freelist, Some(offset), format!("page {id} {message}"));
    }
    Ok(())
}

fn contradictions(list: &Freelist, reached: &PageSet, bound: u64) -> Vec<(&'static str, u64)> {
    let mut taken = reached.clone();
    let mut wrong = Vec::new();
    // The two meta pages and the list itself are neither free nor in a tree.
    taken.insert(0);
    taken.insert(1);
    for id in list.page..=list.page + u64::from(list.overflow) {
        if !taken.insert(id) {
            wrong.push(("belongs to the list of free pages and to a tree", id));
        }
    }
    for id in &list.ids {
        if *id < 2 || *id >= bound {
            wrong.push(("is listed as free but is not in the file", *id));
        } else if !taken.insert(*id) {
            wrong.push(("is listed as free but is in use or listed twice", *id));
        }
    }
    wrong.extend(
        taken
            .missing()
            .map(|id| ("is neither in use nor listed as free", id)),
    );
    wrong
}
