//! What is wrong with what etcd keeps: bucket by bucket, entry by entry.

use prost::Message;

use super::super::crc::Sum;
use super::super::hash_kv::{HashKv, KvHasher};
use super::super::marks::Marks;
use super::super::watch::{Gauge, WATCHED, Watch};
use super::finding::{Findings, Severity};
use super::keys::{KeyPass, Setback};
use super::leases::Leases;
use super::pages;
use super::rule::Rule;
use super::{ExamineError, VerifiedContents};
use crate::datadir::bolt::{BoltError, Bucket, Defect, Entry, Image, PageSet, ReadAt, Step, Walk};
use crate::datadir::schema::{
    AlarmMember, BucketName, KeyValueRef, Lease, MemberJson, RevisionKey, parse_member_key,
};

/// Buckets without which no server starts from it.
const NEEDED: [BucketName; 2] = [BucketName::Key, BucketName::Meta];

/// A pass over all buckets.
pub(super) struct Contents<'f> {
    findings: &'f mut Findings,
    gauge: Gauge<'f>,
    count_live: bool,
    marks: Marks,
    leases: Leases,
    orphans: Vec<(i64, u64)>,
    hash_kv: Option<HashKv>,
    content: Sum,
    last_revision: i64,
    entries: u64,
    alarms: Vec<AlarmMember>,
    members: Vec<String>,
    cluster_version: Option<String>,
}

impl<'f> Contents<'f> {
    /// Reads everything there is.
    pub(super) fn read<R: ReadAt + Sync>(
        image: &Image<R>,
        count_live: bool,
        findings: &'f mut Findings,
        watch: Watch<'f>,
    ) -> Result<VerifiedContents, ExamineError> {
        let errors_before = findings.errors;
        let (buckets, mut reached) = list_buckets(image, findings)?;
        let mut contents = Self {
            findings,
            gauge: Gauge::new(watch),
            count_live,
            marks: Marks::default(),
            leases: Leases::default(),
            orphans: Vec::new(),
            hash_kv: None,
            content: Sum::default(),
            last_revision: 0,
            entries: 0,
            alarms: Vec::new(),
            members: Vec::new(),
            cluster_version: None,
        };
        let marks = contents.prepare(image, &buckets)?;
        for bucket in &buckets {
            contents.content.add(&bucket.name);
            reached = match BucketName::parse(&bucket.name) {
                Some(BucketName::Key) => contents.keys(image, bucket, &marks, reached)?,
                name => contents.bucket(image, bucket, name, None, reached)?,
            };
        }
        pages::freelist(image, &reached, contents.findings)?;
        contents.conclude(&buckets);
        let is_sound = contents.findings.errors == errors_before;
        Ok(VerifiedContents {
            page_bytes: image.page_size(),
            image_bytes: image.image_bytes(),
            used_pages: reached.len() + 2,
            pages: image.meta().high_water_mark,
            entries: contents.entries,
            content: contents.content.crc,
            last_revision: contents.last_revision,
            members: contents.members,
            alarms: contents.alarms,
            marks: contents.marks,
            cluster_version: contents.cluster_version,
            hash_kv: contents.hash_kv.filter(|_| is_sound),
        })
    }

    /// The bucket `key`: in sections at once where that will do.
    fn keys<R: ReadAt + Sync>(
        &mut self,
        image: &Image<R>,
        bucket: &Bucket,
        marks: &Marks,
        reached: PageSet,
    ) -> Result<PageSet, ExamineError> {
        let pass = KeyPass {
            marks,
            leases: &self.leases,
            gauge: &self.gauge,
            count_live: self.count_live,
        };
        match pass.read(image, bucket, reached.clone()) {
            Ok((keys, reached)) => {
                self.entries += keys.entries;
                self.last_revision = keys.last;
                self.content.append(keys.content);
                self.hash_kv = Some(keys.hash_kv);
                self.orphans = keys.orphans;
                Ok(reached)
            }
            Err(Setback::Io(error)) => Err(error.into()),
            Err(Setback::Interrupted) => Err(ExamineError::Interrupted),
            Err(Setback::Unsound) => {
                let mut hasher = KvHasher::new(marks, None)?;
                let name = Some(BucketName::Key);
                let reached = self.bucket(image, bucket, name, Some(&mut hasher), reached)?;
                self.orphans = self.leases.orphans();
                // What makes it fail are entries that have been found wrong.
                self.hash_kv = hasher.finish().ok();
                Ok(reached)
            }
        }
    }

    /// Reads what has to be known before the bucket `key`, which lies before them. What is
    /// wrong with it is told when its turn comes.
    fn prepare<R: ReadAt>(
        &mut self,
        image: &Image<R>,
        buckets: &[Bucket],
    ) -> Result<Marks, BoltError> {
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
        Ok(marks)
    }

    fn bucket<R: ReadAt>(
        &mut self,
        image: &Image<R>,
        bucket: &Bucket,
        name: Option<BucketName>,
        mut hasher: Option<&mut KvHasher>,
        reached: PageSet,
    ) -> Result<PageSet, ExamineError> {
        let label = String::from_utf8_lossy(&bucket.name).into_owned();
        if name.is_none() {
            let message = format!("the bucket {label:?} is not one of etcd's; a restore keeps it");
            self.findings.warning(Rule::UnknownBucket, None, message);
        }
        let mut walk = Walk::of_bucket(image, bucket, reached);
        let mut unread = 0;
        while let Some(step) = walk.step()? {
            let entry = match step {
                Step::Entry(entry) => entry,
                Step::Defect(found) => {
                    pages::defect(Some(&label), &found, self.findings);
                    continue;
                }
            };
            self.entries += 1;
            self.content.add(entry.both);
            if let Err((rule, message)) = self.entry(name, &entry, hasher.as_deref_mut()) {
                self.findings.push(
                    Severity::Error,
                    rule,
                    Some(entry.offset),
                    Some(label.clone()),
                    message,
                );
            }
            unread += (entry.key.len() + entry.value.len()) as u64;
            if unread >= WATCHED && !self.gauge.tell(std::mem::take(&mut unread)) {
                return Err(ExamineError::Interrupted);
            }
        }
        Ok(walk.into_reached())
    }

    fn entry(
        &mut self,
        bucket: Option<BucketName>,
        entry: &Entry<'_>,
        hasher: Option<&mut KvHasher>,
    ) -> Result<(), (Rule, String)> {
        match bucket {
            Some(BucketName::Key) => self.change(entry, hasher),
            Some(BucketName::Meta) => self
                .marks
                .note(entry.key, entry.value)
                .map_err(|error| (Rule::MetaValue, error.to_string())),
            Some(BucketName::Lease) => lease(entry),
            Some(BucketName::Alarm) => self.alarm(entry),
            Some(BucketName::Members) => {
                self.members.push(member(entry)?);
                Ok(())
            }
            Some(BucketName::MembersRemoved) => member_id(entry).map(|_| ()),
            Some(BucketName::Cluster) => self.version(entry),
            Some(BucketName::Auth) => auth(entry),
            Some(BucketName::AuthRoles | BucketName::AuthUsers) | None => Ok(()),
        }
    }

    /// An entry of `key`: a revision and what changed in it.
    fn change(
        &mut self,
        entry: &Entry<'_>,
        hasher: Option<&mut KvHasher>,
    ) -> Result<(), (Rule, String)> {
        let revision = RevisionKey::parse(entry.key)
            .map_err(|error| (Rule::RevisionKey, format!("no revision: {error}")))?;
        self.last_revision = revision.main;
        let change = KeyValueRef::parse(entry.value)
            .map_err(|error| (Rule::KeyValue, format!("revision {revision}: {error}")))?;
        // The last operation of a transaction decides; a bump leaves an entry of no bytes.
        if !revision.is_tombstone && !entry.value.is_empty() {
            consistent(revision, &change).map_err(|message| (Rule::RevisionMismatch, message))?;
        }
        self.leases.note(revision, &change, entry.offset);
        if let Some(hasher) = hasher {
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
            "alarm {} of member {:x} is raised; etcdutl's restore keeps it, etcdha's does not",
            alarm.kind(),
            alarm.member_id
        );
        self.findings
            .warning(Rule::Alarm, Some(entry.offset), message);
        self.alarms.push(alarm);
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
        Leases::report(std::mem::take(&mut self.orphans), self.findings);
        if self.members.is_empty() {
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
pub(super) fn consistent(revision: RevisionKey, change: &KeyValueRef<'_>) -> Result<(), String> {
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

/// Its name.
fn member(entry: &Entry<'_>) -> Result<String, (Rule, String)> {
    let id = member_id(entry)?;
    // serde's message may quote the text.
    let member = MemberJson::parse(entry.value)
        .map_err(|_| record(format!("member {id:x} is not described in JSON")))?;
    if member.id != id {
        let message = format!("member {id:x} says that it is {:x}", member.id);
        return Err(record(message));
    }
    Ok(member.name)
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
