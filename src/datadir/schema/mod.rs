//! What etcd keeps in its database: buckets, keys and values.
//!
//! Format: etcd's `server/storage/schema` and `server/storage/mvcc`, of 3.4 to 3.6.

mod alarm;
mod buckets;
mod key_value;
mod lease;
mod member;
mod meta_keys;
mod revision;

pub use alarm::{AlarmKind, AlarmMember};
pub use buckets::BucketName;
pub use key_value::{KeyValue, KeyValueError, KeyValueRef};
pub use lease::Lease;
pub use member::{MemberJson, MemberJsonError, member_key, parse_member_key};
pub use meta_keys::{ConfState, MetaKey};
pub use revision::{RevisionKey, RevisionKeyError};
