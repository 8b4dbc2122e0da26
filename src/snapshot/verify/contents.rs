//! What is wrong with what etcd keeps: bucket by bucket, entry by entry.

use prost::Message;

use super::super::error::SnapshotError;
use super::super::hash_kv::KvHasher;
use super::super::marks::Marks;
use super::VerifiedContents;
use super::finding::{Findings, Severity};
use super::leases::Leases;
use super::pages;
use super::rule::Rule;
use crate::datadir::bolt::{BoltError, Bucket, Defect, Entry, Image, PageSet, ReadAt, Step, Walk};
use crate::datadir::schema::{
    AlarmMember, BucketName, KeyValueRef, Lease, MemberJson, RevisionKey, parse_member_key,
};

/// Buckets without which no server starts from it.
const NEEDED: [BucketName; 2] = [BucketName::Key, BucketName::Meta];

/// A pass over all buckets.
pub(super) struct Contents<'f> {
    findings: &'f mut Findings,
    marks: Marks,
    leases: Leases,
    hasher: Option<KvHasher>,
    entries: u64,
    members: u64,
    cluster_version: Option<String>,
}

impl<'f> Contents<'f> {
    /// Reads everything there is.
    pub(super) fn read<R: ReadAt>(
        image: &Image<R>,
        findings: &'f mut Findings,
    ) -> Result<VerifiedContents, SnapshotError> {
        let errors_before = findings.errors;
        let (buckets, mut reached) = list_buckets(image, findings)?;
        let mut contents = Self {
            findings,
            marks: Marks::default(),
            leases: Leases::default(),
            hasher: None,
            entries: 0,
            members: 0,
            cluster_version: None,
        };
        contents.prepare(image, &buckets)?;
        for bucket in &buckets {
            reached = contents.bucket(image, bucket, reached)?;
        }
        pages::freelist(image, &reached, contents.findings)?;
        contents.conclude(&buckets);
        let is_sound = contents.findings.errors == errors_before;
        let hasher = contents.hasher.take().filter(|_| is_sound);
        Ok(VerifiedContents {
            page_bytes: image.page_size(),
            image_bytes: image.image_bytes(),
            used_pages: reached.len() + 2,
            pages: image.meta().high_water_mark,
            entries: contents.entries,
            members: contents.members,
            marks: contents.marks,
            cluster_version: contents.cluster_version,
            hash_kv: hasher.map(KvHasher::finish).transpose()?,
        })
    }

    /// Reads what has to be known before the bucket `key`, which lies before them. What is
    /// wrong with it is told when its turn comes.
    fn prepare<R: ReadAt>(
        &mut self,
        image: &Image<R>,
        buckets: &[Bucket],
    ) -> Result<(), SnapshotError> {
        let mut marks = Marks::default();
        for bucket in buckets {
            let name = BucketName::parse(&bucket.name);
            if !matches!(name, Some(BucketName::Lease | BucketName::Meta)) {
                continue;
            }
            let mut walk = Walk::of_bucket(image, bucket, image.page_set());
            while let Some(step) = walk.step()? {
                let Step::Entry(entry) = step else { continue };
                if name == Some(BucketName::Lease) {
                    self.leases.add(entry.key);
                } else {
                    // Judged when the bucket's turn comes.
                    let _ = marks.note(entry.key, entry.value);
                }
            }
        }
        self.hasher = Some(KvHasher::new(&marks, None)?);
        Ok(())
    }

    fn bucket<R: ReadAt>(
        &mut self,
        image: &Image<R>,
        bucket: &Bucket,
        reached: PageSet,
    ) -> Result<PageSet, BoltError> {
        let name = BucketName::parse(&bucket.name);
        let label = String::from_utf8_lossy(&bucket.name).into_owned();
        if name.is_none() {
            let message = format!("the bucket {label:?} is not one of etcd's; a restore keeps it");
            self.findings.warning(Rule::UnknownBucket, None, message);
        }
        let mut walk = Walk::of_bucket(image, bucket, reached);
        while let Some(step) = walk.step()? {
            match step {
                Step::Defect(found) => pages::defect(Some(&label), &found, self.findings),
                Step::Entry(entry) => {
                    self.entries += 1;
                    if let Err((rule, message)) = self.entry(name, &entry) {
                        self.findings.push(
                            Severity::Error,
                            rule,
                            Some(entry.offset),
                            Some(label.clone()),
                            message,
                        );
                    }
                }
            }
        }
        Ok(walk.into_reached())
    }

    fn entry(
        &mut self,
        bucket: Option<BucketName>,
        entry: &Entry<'_>,
    ) -> Result<(), (Rule, String)> {
        match bucket {
            Some(BucketName::Key) => self.change(entry),
            Some(BucketName::Meta) => self
                .marks
                .note(entry.key, entry.value)
                .map_err(|error| (Rule::MetaValue, error.to_string())),
            Some(BucketName::Lease) => lease(entry),
            Some(BucketName::Alarm) => self.alarm(entry),
            Some(BucketName::Members) => {
                self.members += 1;
                member(entry)
            }
            Some(BucketName::MembersRemoved) => member_id(entry).map(|_| ()),
            Some(BucketName::Cluster) => self.version(entry),
            Some(BucketName::Auth) => auth(entry),
            Some(BucketName::AuthRoles | BucketName::AuthUsers) | None => Ok(()),
        }
    }

    /// An entry of `key`: a revision and what changed in it.
    fn change(&mut self, entry: &Entry<'_>) -> Result<(), (Rule, String)> {
        let revision = RevisionKey::parse(entry.key)
            .map_err(|error| (Rule::RevisionKey, format!("no revision: {error}")))?;
        let change = KeyValueRef::parse(entry.value)
            .map_err(|error| (Rule::KeyValue, format!("revision {revision}: {error}")))?;
        // The last operation of a transaction decides; a bump leaves an entry of no bytes.
        if !revision.is_tombstone && !entry.value.is_empty() {
            consistent(revision, &change).map_err(|message| (Rule::RevisionMismatch, message))?;
        }
        self.leases.note(revision, &change, entry.offset);
        if let Some(hasher) = &mut self.hasher {
            hasher
                .note(revision, change.key, entry.key, entry.value)
                .map_err(|error| (Rule::KeyValue, error.to_string()))?;
        }
        Ok(())
    }

    fn alarm(&mut self, entry: &Entry<'_>) -> Result<(), (Rule, String)> {
        let alarm = AlarmMember::decode(entry.key)
            .map_err(|_| (Rule::Record, "no alarm of a member".to_owned()))?;
        let message = format!(
            "alarm {} of member {:x} is raised, and a restore keeps it",
            alarm.kind(),
            alarm.member_id
        );
        self.findings
            .warning(Rule::Alarm, Some(entry.offset), message);
        Ok(())
    }

    fn version(&mut self, entry: &Entry<'_>) -> Result<(), (Rule, String)> {
        if entry.key != b"clusterVersion" {
            return Ok(());
        }
        let text = std::str::from_utf8(entry.value).ok();
        let text = text.filter(|text| semver::Version::parse(text).is_ok());
        let text = text.ok_or((Rule::MetaValue, "clusterVersion is no version".to_owned()))?;
        self.cluster_version = Some(text.to_owned());
        Ok(())
    }

    /// What only shows when everything was read.
    fn conclude(&mut self, buckets: &[Bucket]) {
        for name in NEEDED {
            if !buckets.iter().any(|bucket| bucket.name == name.as_bytes()) {
                let message = format!("there is no bucket {}", name.as_str());
                self.findings.error(Rule::MissingBucket, None, message);
            }
        }
        let marks = &self.marks;
        if marks.consistent_index.is_none() {
            let message = "meta has no consistent_index, which every server writes";
            self.findings.error(Rule::ConsistentIndex, None, message);
        }
        if let Some(finished) = marks.finished_compaction
            && marks
                .scheduled_compaction
                .is_none_or(|scheduled| scheduled < finished)
        {
            let message = format!(
                "a compaction finished at revision {finished} that was never begun: scheduled is {}",
                marks
                    .scheduled_compaction
                    .map_or("absent".to_owned(), |scheduled| scheduled.to_string())
            );
            self.findings.error(Rule::CompactionMarks, None, message);
        }
        self.leases.report(self.findings);
        if self.members == 0 {
            let message = "no member is recorded";
            self.findings.warning(Rule::NoMembers, None, message);
        }
        if self.cluster_version.is_none() {
            let message = "the version of the cluster is not recorded";
            self.findings.warning(Rule::NoVersion, None, message);
        }
    }
}

fn list_buckets<R: ReadAt>(
    image: &Image<R>,
    findings: &mut Findings,
) -> Result<(Vec<Bucket>, PageSet), BoltError> {
    let mut walk = Walk::of_buckets(image, image.page_set());
    let mut buckets = Vec::new();
    let mut damaged = |found: &Defect| pages::defect(None, found, findings);
    while let Some(step) = walk.step()? {
        match step {
            Step::Defect(found) => damaged(&found),
            Step::Entry(entry) => match Bucket::parse(&entry) {
                Ok(bucket) => buckets.push(bucket),
                Err(found) => damaged(&found),
            },
        }
    }
    Ok((buckets, walk.into_reached()))
}

/// What a change says of itself must fit where it lies.
fn consistent(revision: RevisionKey, change: &KeyValueRef<'_>) -> Result<(), String> {
    if change.mod_revision != revision.main {
        return Err(format!(
            "revision {revision}: its mod_revision is {}",
            change.mod_revision
        ));
    }
    if change.create_revision < 1 || change.create_revision > change.mod_revision {
        return Err(format!(
            "revision {revision}: its create_revision is {}",
            change.create_revision
        ));
    }
    if change.version < 1 {
        return Err(format!(
            "revision {revision}: its version is {}",
            change.version
        ));
    }
    Ok(())
}

fn record(message: impl Into<String>) -> (Rule, String) {
    (Rule::Record, message.into())
}

fn lease(entry: &Entry<'_>) -> Result<(), (Rule, String)> {
    let key = entry.key.try_into().map_err(|_| {
        record(format!(
            "a lease's key has {} bytes, expected 8",
            entry.key.len()
        ))
    })?;
    let lease = Lease::decode(entry.value).map_err(|_| record("the value of a lease is none"))?;
    let id = i64::from_be_bytes(key);
    if lease.id != id {
        let message = format!("lease {id:016x} says that it is {:016x}", lease.id);
        return Err(record(message));
    }
    Ok(())
}

fn member_id(entry: &Entry<'_>) -> Result<u64, (Rule, String)> {
    parse_member_key(entry.key).ok_or_else(|| record("the key of a member is no id in hex"))
}

fn member(entry: &Entry<'_>) -> Result<(), (Rule, String)> {
    let id = member_id(entry)?;
    // serde's message may quote the text.
    let member = MemberJson::parse(entry.value)
        .map_err(|_| record(format!("member {id:x} is not described in JSON")))?;
    if member.id != id {
        let message = format!("member {id:x} says that it is {:x}", member.id);
        return Err(record(message));
    }
    Ok(())
}

fn auth(entry: &Entry<'_>) -> Result<(), (Rule, String)> {
    match entry.key {
        b"authEnabled" if !matches!(entry.value, [0 | 1]) => {
            Err(record("authEnabled is neither 0 nor 1"))
        }
        b"authRevision" if entry.value.len() != 8 => Err(record("authRevision has no 8 bytes")),
        _ => Ok(()),
    }
}
