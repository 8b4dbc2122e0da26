//! A small object of our own, written through one kube-apiserver and looked for elsewhere.
//!
//! It is a ConfigMap in kube-system, named after the node, so that what a killed run left behind is
//! found and removed by the next.

use hyper::Method;
use serde::Deserialize;
use serde_json::json;

use crate::sys::http_get::{HttpAnswer, HttpRequest};

use super::access::ApiAccess;
use super::error::ApiError;

/// Where it is written.
const COLLECTION: &str = "/api/v1/namespaces/kube-system/configmaps";

/// The field that holds the token.
const FIELD: &str = "token";

/// The object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeObject {
    name: String,
}

/// How a value in etcd bears the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredForm {
    /// It is there to be read.
    Plain,
    /// The value is encrypted at rest: that the key is there is what can be seen.
    Encrypted,
    /// The value is another.
    Other,
}

#[derive(Deserialize)]
struct ConfigMap {
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    token: Option<String>,
}

impl ProbeObject {
    /// The object that stands for a node.
    pub fn of(node: &str) -> Self {
        Self {
            name: format!("etcdha-write-through-{node}"),
        }
    }

    /// Its key in etcd, below the apiserver's `--etcd-prefix`.
    pub fn key(&self, prefix: &str) -> String {
        let prefix = prefix.trim_matches('/');
        format!("/{prefix}/configmaps/kube-system/{}", self.name)
    }

    /// Tells whether the value of its key bears `token`.
    pub fn stored_form(value: &[u8], token: &str) -> StoredForm {
        let token = token.as_bytes();
        if value.windows(token.len()).any(|part| part == token) {
            StoredForm::Plain
        } else if value.starts_with(b"k8s:enc:") {
            StoredForm::Encrypted
        } else {
            StoredForm::Other
        }
    }

    /// Writes it with `token`, in the place of one that an earlier run left behind.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn write(&self, access: &ApiAccess, token: &str) -> Result<(), ApiError> {
        match self.create(access, token).await {
            Err(error) if error.status() == Some(409) => {
                self.remove(access).await?;
                self.create(access, token).await
            }
            other => other,
        }
    }

    async fn create(&self, access: &ApiAccess, token: &str) -> Result<(), ApiError> {
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.name,
                "labels": {"app.kubernetes.io/managed-by": "etcdha"},
            },
            "data": {FIELD: token},
        });
        let request = HttpRequest {
            method: Method::POST,
            json: Some(object.to_string()),
            ..HttpRequest::get(COLLECTION)
        };
        demand(access, request).await.map(drop)
    }

    /// Reads its token through consensus; `None` where there is no such object.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn read(&self, access: &ApiAccess) -> Result<Option<String>, ApiError> {
        let path = self.path();
        let answer = match demand(access, HttpRequest::get(&path)).await {
            Ok(answer) => answer,
            Err(error) if error.status() == Some(404) => return Ok(None),
            Err(error) => return Err(error),
        };
        let object: ConfigMap =
            serde_json::from_str(&answer.body).map_err(|error| ApiError::Unreadable {
                asked: format!("GET {path}"),
                reason: error.to_string(),
            })?;
        Ok(object.data.token)
    }

    /// Removes it; that there is none is fine.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn remove(&self, access: &ApiAccess) -> Result<(), ApiError> {
        let path = self.path();
        let request = HttpRequest {
            method: Method::DELETE,
            ..HttpRequest::get(&path)
        };
        match demand(access, request).await {
            Err(error) if error.status() != Some(404) => Err(error),
            _ => Ok(()),
        }
    }

    fn path(&self) -> String {
        format!("{COLLECTION}/{}", self.name)
    }
}

async fn demand(access: &ApiAccess, request: HttpRequest<'_>) -> Result<HttpAnswer, ApiError> {
    let asked = format!("{} {}{}", request.method, access.url, request.path);
    let answer = access.send(request).await?;
    match answer.status {
        200..300 => Ok(answer),
        _ => Err(ApiError::refused(&asked, &answer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_prefix_and_values_are_told_apart() {
        let object = ProbeObject::of("m1");
        let expected = "/registry/configmaps/kube-system/etcdha-write-through-m1";
        assert_eq!(object.key("/registry"), expected);
        assert_eq!(object.key("registry/"), expected);
        let form = |value: &[u8]| ProbeObject::stored_form(value, "abc");
        assert_eq!(form(b"k8s\0xxabcx"), StoredForm::Plain);
        assert_eq!(form(b"k8s:enc:aesgcm:v1:k:z"), StoredForm::Encrypted);
        assert_eq!(form(b"ab"), StoredForm::Other);
    }
}
