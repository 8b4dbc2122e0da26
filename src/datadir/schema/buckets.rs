//! The names of etcd's buckets.

/// A bucket of etcd's database. Every version of 3.4 to 3.6 has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BucketName {
    /// Alarms that are raised.
    Alarm,
    /// Whether authentication is on.
    Auth,
    /// Roles and their permissions.
    AuthRoles,
    /// Users and their password hashes.
    AuthUsers,
    /// The cluster's version.
    Cluster,
    /// Every revision of every key.
    Key,
    /// Leases.
    Lease,
    /// Members of the cluster.
    Members,
    /// Ids of members that were removed.
    MembersRemoved,
    /// What was applied and compacted.
    Meta,
}

impl BucketName {
    /// Every bucket, in the order of the names.
    pub const ALL: [Self; 10] = [
        Self::Alarm,
        Self::Auth,
        Self::AuthRoles,
        Self::AuthUsers,
        Self::Cluster,
        Self::Key,
        Self::Lease,
        Self::Members,
        Self::MembersRemoved,
        Self::Meta,
    ];

    /// The name in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::Auth => "auth",
            Self::AuthRoles => "authRoles",
            Self::AuthUsers => "authUsers",
            Self::Cluster => "cluster",
            Self::Key => "key",
            Self::Lease => "lease",
            Self::Members => "members",
            Self::MembersRemoved => "members_removed",
            Self::Meta => "meta",
        }
    }

    /// The name in the file, as bytes.
    pub fn as_bytes(self) -> &'static [u8] {
        self.as_str().as_bytes()
    }

    /// The bucket of this name; `None` for one that etcd does not know.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|bucket| bucket.as_bytes() == name)
    }
}
