//! An alarm that a member raised. The message is the key in the bucket, its value is empty.
//!
//! Format: etcd's `api/etcdserverpb/rpc.proto`, `AlarmMember`.

use prost::Message;

/// `etcdserverpb.AlarmMember`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct AlarmMember {
    /// The member that raised it.
    #[prost(uint64, tag = "1")]
    pub member_id: u64,
    /// The kind, a number of [`AlarmKind`].
    #[prost(int32, tag = "2")]
    pub alarm: i32,
}

/// What an alarm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmKind {
    /// The database is at its quota; writes are refused.
    NoSpace,
    /// A member's data differ from the others'.
    Corrupt,
    /// A number that no version up to 3.6 gives.
    Other(i32),
}

impl AlarmMember {
    /// What it says.
    pub fn kind(&self) -> AlarmKind {
        match self.alarm {
            1 => AlarmKind::NoSpace,
            2 => AlarmKind::Corrupt,
            other => AlarmKind::Other(other),
        }
    }
}

impl std::fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSpace => f.write_str("NOSPACE"),
            Self::Corrupt => f.write_str("CORRUPT"),
            Self::Other(number) => write!(f, "{number}"),
        }
    }
}
