//! What does an image hold that a restore has to know? Every page and every entry is read once.

use crate::datadir::bolt::{Bucket, Entry, Image, ReadAt, Step, Walk};
use crate::datadir::schema::{
    AlarmMember, BucketName, MemberJson, MetaKey, RevisionKey, RevisionKeyError,
};

use super::{Meter, RestoreError, Watch};
use crate::snapshot::hash_kv::KvHasher;
use crate::snapshot::status::change_of;

/// Meta pages of an image.
const METAS: u64 = 2;

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
}

/// Reads an image whole.
///
/// # Errors
/// The first defect, or what is no database of etcd.
pub fn survey<R: ReadAt>(image: &Image<R>, watch: Watch<'_>) -> Result<Survey, RestoreError> {
    survey_with(image, None, watch)
}

/// As [`survey`], and lets a HashKV be made of the same look.
pub(super) fn survey_with<R: ReadAt>(
    image: &Image<R>,
    mut hasher: Option<&mut KvHasher>,
    watch: Watch<'_>,
) -> Result<Survey, RestoreError> {
    let mut meter = Meter::new(watch);
    let mut found = Survey {
        page_size: image.meta().page_size,
        image_bytes: image.image_bytes(),
        ..Survey::default()
    };
    let buckets = image.buckets()?;
    demand(&buckets)?;
    let mut compacted = 0;
    let mut roots = Walk::of_buckets(image, image.page_set());
    // What is damaged there has been told.
    while roots.step()?.is_some() {}
    let mut reached = roots.into_reached();
    for bucket in &buckets {
        found.content = crc32c::crc32c_append(found.content, &bucket.name);
        let name = BucketName::parse(&bucket.name);
        let mut walk = Walk::of_bucket(image, bucket, reached);
        while let Some(step) = walk.step()? {
            let entry = match step {
                Step::Entry(entry) => entry,
                Step::Defect(defect) => return Err(RestoreError::Image(defect.into())),
            };
            found.entries += 1;
            found.content = crc32c::crc32c_append(found.content, entry.key);
            found.content = crc32c::crc32c_append(found.content, entry.value);
            meter.add(entry.key.len() + entry.value.len())?;
            match name {
                Some(BucketName::Key) => {
                    let revision = revision(&entry)?;
                    found.stored_revision = revision.main;
                    if let Some(hasher) = &mut hasher {
                        let change = change_of(&entry)?;
                        hasher.note(revision, change.key, entry.key, entry.value)?;
                    }
                }
                Some(BucketName::Meta) => compacted = compacted.max(found.meta(&entry)?),
                Some(name) => found.small(name, &entry),
                None => {}
            }
        }
        reached = walk.into_reached();
    }
    found.revision = found.stored_revision.max(compacted).max(1);
    found.used_bytes = (reached.len() + METAS) * u64::from(found.page_size);
    Ok(found)
}

/// Every database of etcd 3 has these two.
fn demand(buckets: &[Bucket]) -> Result<(), RestoreError> {
    for wanted in [BucketName::Key, BucketName::Meta] {
        if !buckets.iter().any(|b| b.name == wanted.as_bytes()) {
            return Err(RestoreError::NotEtcd(wanted.as_str()));
        }
    }
    Ok(())
}

fn revision(entry: &Entry<'_>) -> Result<RevisionKey, RestoreError> {
    RevisionKey::parse(entry.key).map_err(|why| RestoreError::RevisionKey {
        offset: entry.key_offset,
        why,
    })
}

impl Survey {
    /// Reads an entry of the bucket `meta`; returns the revision of a compaction mark, 0 for others.
    fn meta(&mut self, entry: &Entry<'_>) -> Result<i64, RestoreError> {
        let marks = [MetaKey::ScheduledCompactRev, MetaKey::FinishedCompactRev];
        if let Some(mark) = marks.into_iter().find(|mark| mark.as_bytes() == entry.key) {
            let wrong = |why: RevisionKeyError| RestoreError::Value {
                offset: entry.value_offset(),
                what: format!("meta/{}", mark.as_str()),
                found: why.to_string(),
                expected: "a revision of 17 bytes",
            };
            return RevisionKey::parse_mark(entry.value).map_err(wrong);
        }
        if entry.key == MetaKey::StorageVersion.as_bytes() {
            self.storage_version = Some(text(entry.value));
        }
        Ok(0)
    }

    fn small(&mut self, bucket: BucketName, entry: &Entry<'_>) {
        match bucket {
            BucketName::Alarm => {
                let alarm = <AlarmMember as prost::Message>::decode(entry.key);
                self.alarms.extend(alarm);
            }
            // What is unreadable here is left out: the restore replaces it.
            BucketName::Members => {
                let member = MemberJson::parse(entry.value);
                self.members.extend(member.map(|member| member.name));
            }
            BucketName::Cluster if entry.key == b"clusterVersion" => {
                self.cluster_version = Some(text(entry.value));
            }
            _ => {}
        }
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
