//! How a store is reached and who asks: settings from flags, secrets from the environment or a file.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;
use zeroize::Zeroizing;

use crate::sys::files::{self, FileError};

/// The region that stores without regions take.
const REGION: &str = "us-east-1";

/// Where systems keep the certificates of public CAs, best first.
const ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What the operator says; what is absent is looked up.
#[derive(Clone, Default)]
pub struct S3Settings {
    /// The server, such as `https://minio.example:9000`; Amazon's own where there is none.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// True where the bucket is part of the host's name, false where it is of the path.
    pub virtual_hosts: Option<bool>,
    /// A file of CA certificates.
    pub ca: Option<PathBuf>,
    /// Who asks.
    pub credentials: Option<S3Credentials>,
    /// Longest wait for an answer.
    pub timeout: Duration,
}

/// An access key and its secret. `Debug` shows neither.
#[derive(Clone)]
pub struct S3Credentials {
    /// Its id.
    pub key_id: Zeroizing<String>,
    /// Its secret.
    pub secret: Zeroizing<String>,
    /// What temporary keys have besides.
    pub session_token: Option<Zeroizing<String>>,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3Credentials")
    }
}

/// A store that can be asked.
#[derive(Clone)]
pub struct S3Access {
    pub(super) endpoint: Url,
    pub(super) region: String,
    pub(super) virtual_hosts: bool,
    pub(super) roots: Vec<u8>,
    pub(super) credentials: rusty_s3::Credentials,
    pub(super) timeout: Duration,
}

impl fmt::Debug for S3Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Access({}, {})", self.endpoint, self.region)
    }
}

/// Why a store can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No credentials were given.
    #[error("no credentials for the S3 store")]
    NoCredentials,
    /// The endpoint is none.
    #[error("the S3 endpoint {found:?}: {why}")]
    Endpoint {
        /// What was given.
        found: String,
        /// What is wrong.
        why: &'static str,
    },
    /// No CA certificates to verify the server with.
    #[error("no CA certificates to verify the S3 store with; looked for {}", .0.join(", "))]
    NoRoots(Vec<String>),
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl S3Settings {
    /// Resolves the settings.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn access(self) -> Result<S3Access, AccessError> {
        let credentials = self.credentials.ok_or(AccessError::NoCredentials)?;
        let region = self.region.unwrap_or_else(|| REGION.to_owned());
        let is_amazon = self.endpoint.is_none();
        let endpoint = self.endpoint.unwrap_or_else(|| amazon(&region));
        let endpoint = parse_endpoint(&endpoint)?;
        let roots = match endpoint.scheme() {
            "https" => roots(self.ca)?,
            _ => Vec::new(),
        };
        let S3Credentials {
            key_id,
            secret,
            session_token,
        } = credentials;
        let credentials = match session_token {
            None => rusty_s3::Credentials::new(key_id.as_str(), secret.as_str()),
            Some(token) => rusty_s3::Credentials::new_with_token(
                key_id.as_str(),
                secret.as_str(),
                token.as_str(),
            ),
        };
        Ok(S3Access {
            endpoint,
            region,
            virtual_hosts: self.virtual_hosts.unwrap_or(is_amazon),
            roots,
            credentials,
            timeout: self.timeout,
        })
    }
}

fn amazon(region: &str) -> String {
    let domain = match region.starts_with("cn-") {
        true => "amazonaws.com.cn",
        false => "amazonaws.com",
    };
    format!("https://s3.{region}.{domain}")
}

fn parse_endpoint(text: &str) -> Result<Url, AccessError> {
    let wrong = |why| AccessError::Endpoint {
        found: text.to_owned(),
        why,
    };
    let url = Url::parse(text).map_err(|_| wrong("expected such as https://minio.example:9000"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong(
            "expected https://HOST or http://HOST, with a port or without",
        ));
    }
    let is_bare = url.username().is_empty() && url.password().is_none();
    if !is_bare {
        // Which is not shown: it may be a password.
        return Err(AccessError::Endpoint {
            found: url.host_str().unwrap_or_default().to_owned(),
            why: "expected no user and no password in it",
        });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("expected no query in it"));
    }
    Ok(url)
}

fn roots(named: Option<PathBuf>) -> Result<Vec<u8>, AccessError> {
    if let Some(path) = named {
        return Ok(files::read(&path)?);
    }
    let from_environment = std::env::var("SSL_CERT_FILE").ok();
    let places = from_environment.into_iter().chain(ROOTS.map(str::to_owned));
    let mut looked = Vec::new();
    for place in places {
        if let Some(bytes) = files::read_optional(place.as_ref())? {
            return Ok(bytes);
        }
        looked.push(place);
    }
    Err(AccessError::NoRoots(looked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoint: &str) -> S3Settings {
        S3Settings {
            endpoint: Some(endpoint.to_owned()),
            credentials: Some(S3Credentials {
                key_id: Zeroizing::new("AKIDHUSH".into()),
                secret: Zeroizing::new("hush".into()),
                session_token: None,
            }),
            timeout: Duration::from_secs(1),
            ..S3Settings::default()
        }
    }

    #[test]
    fn endpoints_that_are_none_are_told_without_secrets() {
        for endpoint in ["minio:9000", "ftp://x", "https://", "https://x?y"] {
            assert!(settings(endpoint).access().is_err(), "{endpoint}");
        }
        let error = settings("https://root:hush@x").access().unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
    }

    #[test]
    fn nothing_secret_is_shown() {
        let settings = settings("http://127.0.0.1:9000");
        let shown = format!("{:?}", settings.credentials);
        let access = settings.access().unwrap();
        let shown = format!("{shown} {access:?}");
        assert!(!shown.to_lowercase().contains("hush"), "{shown}");
        assert!(!access.virtual_hosts);
    }

    #[test]
    fn amazon_has_an_endpoint_for_each_region() {
        assert_eq!(
            amazon("eu-central-1"),
            "https://s3.eu-central-1.amazonaws.com"
        );
        assert_eq!(
            amazon("cn-north-1"),
            "https://s3.cn-north-1.amazonaws.com.cn"
        );
    }
}
