//! Reads the part of a kubeconfig that says whom to trust and who we are: the current context's
//! cluster and user. The server's address is not taken from it, because each apiserver is asked by
//! its own.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::access::Credentials;

/// Why a kubeconfig is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// It is no kubeconfig.
    #[error("not readable as a kubeconfig: {0}")]
    Unreadable(String),
    /// Something it must have is missing.
    #[error("{0}")]
    Lacks(String),
    /// A file that it names can't be read.
    #[error("it names a file that can't be read")]
    File(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Bytes, or the file that holds them.
enum Material {
    Inline(Zeroizing<Vec<u8>>),
    File(PathBuf),
}

/// The current context of a kubeconfig. `Debug` shows no secret.
pub struct Kubeconfig {
    ca: Material,
    certificate: Option<Material>,
    key: Option<Material>,
    token: Option<Zeroizing<String>>,
}

impl fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubeconfig").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    #[serde(default)]
    current_context: Option<String>,
    #[serde(default)]
    contexts: Vec<Named<Context>>,
    #[serde(default)]
    clusters: Vec<Named<Cluster>>,
    #[serde(default)]
    users: Vec<Named<User>>,
}

#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(alias = "context", alias = "cluster", alias = "user")]
    value: T,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    user: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    token: Option<String>,
}

impl Kubeconfig {
    /// Reads a kubeconfig, YAML or JSON. Files that it names relatively start at `directory`.
    ///
    /// # Errors
    /// [`KubeconfigError`].
    pub fn parse(text: &str, directory: &Path) -> Result<Self, KubeconfigError> {
        let document: Document = serde_saphyr::from_str(text).map_err(|error| {
            // The rest of the library's text repeats lines of the file, which may hold a key.
            let text = error.to_string();
            let text = text.lines().next().unwrap_or_default().to_owned();
            KubeconfigError::Unreadable(text)
        })?;
        let lacks = |what: String| KubeconfigError::Lacks(what);
        let current = document
            .current_context
            .filter(|name| !name.is_empty())
            .ok_or_else(|| lacks("it has no current-context".to_owned()))?;
        let context = take(document.contexts, &current)
            .ok_or_else(|| lacks(format!("it has no context {current:?}")))?;
        let cluster = take(document.clusters, &context.cluster)
            .ok_or_else(|| lacks(format!("it has no cluster {:?}", context.cluster)))?;
        let user = take(document.users, &context.user)
            .ok_or_else(|| lacks(format!("it has no user {:?}", context.user)))?;
        let at = |inline: Option<Zeroizing<String>>, file: Option<PathBuf>| match (inline, file) {
            (Some(inline), _) => decode(&inline).map(|bytes| Some(Material::Inline(bytes))),
            (None, Some(file)) => Ok(Some(Material::File(directory.join(file)))),
            (None, None) => Ok(None),
        };
        let ca = at(
            cluster.certificate_authority_data.map(Zeroizing::new),
            cluster.certificate_authority,
        )?;
        let ca = ca.ok_or_else(|| lacks("its cluster names no certificate authority".into()))?;
        Ok(Self {
            ca,
            certificate: at(
                user.client_certificate_data.map(Zeroizing::new),
                user.client_certificate,
            )?,
            key: at(user.client_key_data.map(Zeroizing::new), user.client_key)?,
            token: user
                .token
                .filter(|token| !token.is_empty())
                .map(Zeroizing::new),
        })
    }

    /// The credentials, files read with `read`.
    ///
    /// # Errors
    /// [`KubeconfigError::File`].
    pub fn credentials<E>(
        &self,
        read: impl Fn(&Path) -> Result<Vec<u8>, E>,
    ) -> Result<Credentials, KubeconfigError>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let bytes = |material: &Material| match material {
            Material::Inline(bytes) => Ok(bytes.clone()),
            Material::File(path) => read(path)
                .map(Zeroizing::new)
                .map_err(|error| KubeconfigError::File(Box::new(error))),
        };
        let identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((bytes(certificate)?.to_vec(), bytes(key)?)),
            _ => None,
        };
        Ok(Credentials {
            ca: bytes(&self.ca)?.to_vec(),
            identity,
            token: self.token.clone(),
        })
    }
}

fn take<T>(list: Vec<Named<T>>, name: &str) -> Option<T> {
    let found = list.into_iter().find(|named| named.name == name);
    found.map(|named| named.value)
}

fn decode(text: &Zeroizing<String>) -> Result<Zeroizing<Vec<u8>>, KubeconfigError> {
    let bytes = STANDARD.decode(text.trim());
    bytes
        .map(Zeroizing::new)
        .map_err(|_| KubeconfigError::Unreadable("a -data field is no base64".to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADMIN: &str = "\
apiVersion: v1
kind: Config
clusters:
- name: kubernetes
  cluster:
    certificate-authority-data: Q0E=
    server: https://10.0.0.11:6443
contexts:
- name: kubernetes-admin@kubernetes
  context: {cluster: kubernetes, user: kubernetes-admin}
current-context: kubernetes-admin@kubernetes
preferences: {}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: Q0VSVA==
    client-key-data: S0VZ
";

    fn none(path: &Path) -> Result<Vec<u8>, std::io::Error> {
        Ok(path.to_string_lossy().into_owned().into_bytes())
    }

    #[test]
    fn the_current_context_is_read() {
        let config = Kubeconfig::parse(ADMIN, Path::new("/etc/kubernetes")).unwrap();
        let found = config.credentials(none).unwrap();
        assert_eq!(found.ca, b"CA");
        let (certificate, key) = found.identity.unwrap();
        assert_eq!(
            (certificate.as_slice(), key.as_slice()),
            (&b"CERT"[..], &b"KEY"[..])
        );
        assert!(found.token.is_none());
    }

    #[test]
    fn files_start_at_the_kubeconfigs_directory() {
        let text = ADMIN
            .replace(
                "certificate-authority-data: Q0E=",
                "certificate-authority: pki/ca.crt",
            )
            .replace("client-key-data: S0VZ", "client-key: /abs/key")
            .replace("client-certificate-data: Q0VSVA==", "token: hush");
        let config = Kubeconfig::parse(&text, Path::new("/etc/kubernetes")).unwrap();
        let found = config.credentials(none).unwrap();
        assert_eq!(found.ca, b"/etc/kubernetes/pki/ca.crt");
        assert!(found.identity.is_none() && found.has_identity());
        assert!(!format!("{config:?} {found:?}").contains("hush"));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (from, to, expected) in [
            ("current-context: k", "x: k", "it has no current-context"),
            (
                "cluster: kubernetes,",
                "cluster: other,",
                "it has no cluster \"other\"",
            ),
            (
                "certificate-authority-data: Q0E=",
                "x: 1",
                "its cluster names no certificate authority",
            ),
            (
                "S0VZ",
                "'%'",
                "not readable as a kubeconfig: a -data field is no base64",
            ),
        ] {
            let text = ADMIN.replace(from, to);
            let error = Kubeconfig::parse(&text, Path::new("/")).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}", cut in 0..ADMIN.len()) {
            let _ = Kubeconfig::parse(&text, Path::new("/"));
            let _ = Kubeconfig::parse(&ADMIN[..cut], Path::new("/"));
        }
    }
}
