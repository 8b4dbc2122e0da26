//! What a member holds, in numbers and names: to be compared with what a snapshot holds.

use std::collections::BTreeSet;

use etcd_client::{GetOptions, LeaseStatus};

use crate::model::Revision;

use super::connection::Connection;
use super::error::ClusterError;

/// A key at a revision. Its value may be a Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyAt {
    /// Its value.
    pub value: zeroize::Zeroizing<Vec<u8>>,
    /// The revision of its last change.
    pub mod_revision: i64,
}

impl Connection {
    /// Counts the keys that began so at a revision; an empty beginning is that of all.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn count_at(&self, prefix: &str, revision: Revision) -> Result<u64, ClusterError> {
        let options = GetOptions::new()
            .with_prefix()
            .with_count_only()
            .with_revision(revision.0);
        let mut client = self.client.kv_client();
        let answer = self
            .call("Range", client.get(prefix, Some(options)))
            .await?;
        Ok(u64::try_from(answer.count()).unwrap_or(0))
    }

    /// Reads a key as it was at a revision (`etcdctl get --rev`); `None` where it was not there.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn read_key_at(
        &self,
        key: &str,
        revision: Revision,
    ) -> Result<Option<KeyAt>, ClusterError> {
        let options = GetOptions::new().with_revision(revision.0);
        let mut client = self.client.kv_client();
        let mut answer = self.call("Range", client.get(key, Some(options))).await?;
        Ok(answer.take_kvs().pop().map(|pair| {
            let mod_revision = pair.mod_revision();
            let (_, value) = pair.into_key_value();
            KeyAt {
                value: value.into(),
                mod_revision,
            }
        }))
    }

    /// Ids of the leases that live (`etcdctl lease list`).
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn lease_ids(&self) -> Result<BTreeSet<i64>, ClusterError> {
        let mut client = self.client.lease_client();
        let answer = self.call("LeaseLeases", client.leases()).await?;
        Ok(answer.leases().iter().map(LeaseStatus::id).collect())
    }

    /// Names of etcd's users (`etcdctl user list`).
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn user_names(&self) -> Result<BTreeSet<String>, ClusterError> {
        let mut client = self.client.auth_client();
        let answer = self.call("UserList", client.user_list()).await?;
        Ok(answer.users().iter().cloned().collect())
    }

    /// Names of etcd's roles (`etcdctl role list`).
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn role_names(&self) -> Result<BTreeSet<String>, ClusterError> {
        let mut client = self.client.auth_client();
        let answer = self.call("RoleList", client.role_list()).await?;
        Ok(answer.roles().iter().cloned().collect())
    }
}
