//! Single keys: what a kube-apiserver has stored, and a key of our own that proves a way through.

use etcd_client::{GetOptions, SortOrder, SortTarget};

use crate::model::Revision;

use super::connection::Connection;
use super::error::ClusterError;

impl Connection {
    /// Reads a key's value through consensus (`etcdctl get`); `None` where there is no such key.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn read_key(&self, key: &str) -> Result<Option<Vec<u8>>, ClusterError> {
        let mut client = self.client.kv_client();
        let answer = self.call("Range", client.get(key, None)).await?;
        Ok(answer.kvs().first().map(|pair| pair.value().to_vec()))
    }

    /// Writes a key (`etcdctl put`).
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn write_key(&self, key: &str, value: &str) -> Result<(), ClusterError> {
        let mut client = self.client.kv_client();
        self.call("Put", client.put(key, value, None))
            .await
            .map(drop)
    }

    /// Removes a key (`etcdctl del`); that there is none is fine.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn remove_key(&self, key: &str) -> Result<(), ClusterError> {
        let mut client = self.client.kv_client();
        self.call("DeleteRange", client.delete(key, None))
            .await
            .map(drop)
    }

    /// Names up to `limit` keys below `prefix` that were written after `revision`, oldest first.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn changed_since(
        &self,
        prefix: &str,
        revision: Revision,
        limit: i64,
    ) -> Result<Vec<String>, ClusterError> {
        let options = GetOptions::new()
            .with_prefix()
            .with_keys_only()
            .with_min_mod_revision(revision.0.saturating_add(1))
            .with_sort(SortTarget::Mod, SortOrder::Ascend)
            .with_limit(limit);
        let mut client = self.client.kv_client();
        let answer = self
            .call("Range", client.get(prefix, Some(options)))
            .await?;
        let keys = answer.kvs().iter();
        Ok(keys
            .map(|pair| String::from_utf8_lossy(pair.key()).into_owned())
            .collect())
    }

    /// Counts the keys below `prefix` that were there at `revision` and are gone now.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn removed_since(
        &self,
        prefix: &str,
        revision: Revision,
    ) -> Result<i64, ClusterError> {
        let then = self
            .count(prefix, GetOptions::new().with_revision(revision.0))
            .await?;
        let now = self.count(prefix, GetOptions::new()).await?;
        // Filters leave the count alone, so what is new is listed.
        let new = GetOptions::new()
            .with_prefix()
            .with_keys_only()
            .with_min_create_revision(revision.0.saturating_add(1));
        let mut client = self.client.kv_client();
        let new = self.call("Range", client.get(prefix, Some(new))).await?;
        let new = i64::try_from(new.kvs().len()).unwrap_or(i64::MAX);
        Ok(then - (now - new))
    }

    async fn count(&self, prefix: &str, options: GetOptions) -> Result<i64, ClusterError> {
        let options = options.with_prefix().with_count_only();
        let mut client = self.client.kv_client();
        let answer = self
            .call("Range", client.get(prefix, Some(options)))
            .await?;
        Ok(answer.count())
    }
}
