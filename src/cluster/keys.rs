//! Single keys: what a kube-apiserver has stored, and a key of our own that proves a way through.

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
}
