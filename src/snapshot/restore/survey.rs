//! What does an image hold that a restore has to know? The verdict is that of `snapshot verify`.

use crate::datadir::bolt::{Image, ReadAt};
use crate::datadir::schema::AlarmMember;

use super::{RestoreError, Watch};
use crate::snapshot::HashKv;
use crate::snapshot::verify::{Severity, VerifiedContents, examine};

/// What an image holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// The revision that the server had reached, at least 1: compaction may have removed the last
    /// stored one.
    pub revision: i64,
    /// The last revision that is stored; 0 where there is none.
    pub stored_revision: i64,
    /// Entries in all buckets.
    pub entries: u64,
    /// Version of the storage, from 3.6 on.
    pub storage_version: Option<String>,
    /// Version of the cluster that wrote it.
    pub cluster_version: Option<String>,
    /// Alarms that are raised.
    pub alarms: Vec<AlarmMember>,
    /// Names of the members.
    pub members: Vec<String>,
    /// Bytes of a page.
    pub page_size: u32,
    /// Bytes of the image.
    pub image_bytes: u64,
    /// Bytes of its pages that are in use.
    pub used_bytes: u64,
    /// Checksum of all buckets' names, keys and values: what etcdutl's `snapshot status` calls hash.
    pub content: u32,
    /// The HashKV of its last revision.
    pub hash_kv: Option<HashKv>,
}

/// Reads an image whole.
///
/// # Errors
/// What makes it impossible to restore, or to read.
pub fn survey<R: ReadAt + Sync>(
    image: &Image<R>,
    watch: Watch<'_>,
) -> Result<Survey, RestoreError> {
    let (contents, findings) = examine(image, watch)?;
    let mut findings = findings.into_iter();
    match findings.find(|finding| finding.severity == Severity::Error) {
        Some(finding) => Err(RestoreError::Unsound(Box::new(finding))),
        None => Ok(Survey::of(image.meta().page_size, contents)),
    }
}

impl Survey {
    fn of(page_size: u32, contents: VerifiedContents) -> Self {
        Self {
            revision: contents.marks.current_revision(contents.last_revision),
            stored_revision: contents.last_revision,
            entries: contents.entries,
            storage_version: contents.marks.storage_version,
            cluster_version: contents.cluster_version,
            alarms: contents.alarms,
            members: contents.members,
            page_size,
            image_bytes: contents.image_bytes,
            used_bytes: contents.used_pages * contents.page_bytes,
            content: contents.content,
            hash_kv: contents.hash_kv,
        }
    }
}
