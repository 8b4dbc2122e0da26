//! The rules, their ids and their names.
//!
//! Invariant: an id is never reused for another meaning. Ids are grouped by tens: file, pages, what
//! etcd keeps, what to know before a restore.

use std::fmt::Write as _;

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $variant:ident $id:literal $name:literal;)+) => {
        /// A rule that a snapshot can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Rule {
            /// Every rule, in the order of the ids.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The id, such as `S001`.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)+
                }
            }

            /// The name, such as `empty-file`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What the rule finds, in one sentence.
            pub fn summary(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

rules! {
    /// The file has no bytes.
    EmptyFile "S001" "empty-file";
    /// Neither meta page is valid: the file is no database, or its beginning is destroyed.
    NotADatabase "S002" "not-a-database";
    /// The database was written on a big-endian machine.
    BigEndian "S003" "big-endian";
    /// The file ends before the pages that its meta page counts.
    Truncated "S004" "truncated";
    /// The file carries no SHA-256, so a change of a value would go unseen.
    DigestMissing "S005" "digest-missing";
    /// The SHA-256 at the end does not fit the bytes before it.
    DigestMismatch "S006" "digest-mismatch";
    /// Bytes follow the image that are neither pages nor a digest.
    UnknownTrailer "S007" "unknown-trailer";
    /// One of the two meta pages is damaged.
    MetaPage "S008" "meta-page";

    /// A page carries another id or kind than its place asks for.
    PageHeader "S010" "page-header";
    /// A reference leads outside of the file, or a tree makes no sense.
    PageReference "S011" "page-reference";
    /// A page belongs to two places.
    PageReachedTwice "S012" "page-reached-twice";
    /// An element's key or value leaves its page or overlaps another one's.
    ElementBounds "S013" "element-bounds";
    /// A key is not in order, or not where a search would find it.
    KeyOrder "S014" "key-order";
    /// The list of buckets holds something else, or a bucket's header is damaged.
    BucketHeader "S015" "bucket-header";
    /// The list of free pages contradicts itself or the trees.
    Freelist "S016" "freelist";

    /// A bucket that every etcd database has is missing.
    MissingBucket "S020" "missing-bucket";
    /// There is a bucket that no etcd up to 3.6 makes.
    UnknownBucket "S021" "unknown-bucket";
    /// A key of the bucket key is no revision.
    RevisionKey "S022" "revision-key";
    /// A value of the bucket key cannot be read.
    KeyValue "S023" "key-value";
    /// The revisions or the version that a change states contradict its place.
    RevisionMismatch "S024" "revision-mismatch";
    /// The compaction marks contradict each other.
    CompactionMarks "S025" "compaction-marks";
    /// The applied raft index is missing.
    ConsistentIndex "S026" "consistent-index";
    /// An entry of the bucket meta or cluster is not what etcd writes.
    MetaValue "S027" "meta-value";
    /// A lease, alarm, member or switch of authentication is not what etcd writes.
    Record "S028" "record";

    /// A living key hangs on a lease that is not there: it would never expire.
    MissingLease "S030" "missing-lease";
    /// An alarm is raised and would still be after a restore.
    Alarm "S031" "alarm";
    /// No member is recorded.
    NoMembers "S032" "no-members";
    /// The cluster's version is not recorded.
    NoVersion "S033" "no-version";
}

impl Rule {
    /// The document `docs/snapshot-rules.md`.
    pub fn document() -> String {
        let mut text = String::from(
            "# What `etcdha snapshot verify` finds\n\nAn id never changes its meaning. S001 to S028 \
             are errors: such a file should not be restored. S005 and S006 become warnings with \
             `--skip-hash-check`; S021 and S030 to S033 are warnings.\n\n| Id | Name | Found |\n\
             |---|---|---|\n",
        );
        for rule in Self::ALL {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                rule.id(),
                rule.name(),
                rule.summary()
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_sorted_and_names_are_kebab_case() {
        assert!(Rule::ALL.is_sorted_by(|a, b| a.id() < b.id()));
        for rule in Rule::ALL {
            let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(rule.name().chars().all(kebab), "{}", rule.name());
            assert!(rule.summary().ends_with('.'), "{}", rule.summary());
        }
    }
}
