//! Objects: read, listed, removed.

use std::io::Write;

use hyper::Method;
use hyper::body::Bytes;
use rusty_s3::S3Action;
use rusty_s3::actions::ListObjectsV2;
use sha2::{Digest, Sha256};

use super::client::{S3Client, VALID, Wish};
use super::error::S3Error;

/// An object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub size: u64,
    /// When it was put, as the store says it.
    pub modified: Option<jiff::Timestamp>,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: [u8; 32],
}

/// Pages that are read at most, of a thousand names each.
const MAX_PAGES: usize = 1000;

impl S3Client {
    /// The objects directly below a prefix: `prod/` has `prod/x`, and not `prod/old/x`.
    ///
    /// # Errors
    /// The store can't be asked, or refuses.
    pub async fn list(&self, prefix: &str) -> Result<Vec<ListedObject>, S3Error> {
        let mut found = Vec::new();
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let page = self.list_page(prefix, token.as_deref(), None).await?;
            found.extend(page.contents.into_iter().map(|object| ListedObject {
                key: object.key,
                size: object.size.unwrap_or(0),
                modified: object.last_modified.and_then(|text| text.parse().ok()),
            }));
            token = page.next_continuation_token;
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Asks for a list of one, to see whether the bucket is there and the credentials are good. Those that
    /// may put but not list are good enough.
    ///
    /// # Errors
    /// The store can't be asked, or refuses for another reason.
    pub async fn greet(&self, prefix: &str) -> Result<(), S3Error> {
        match self.list_page(prefix, None, Some(1)).await {
            Err(error) if error.code() == Some("AccessDenied") => Ok(()),
            other => other.map(drop),
        }
    }

    async fn list_page(
        &self,
        prefix: &str,
        token: Option<&str>,
        most: Option<usize>,
    ) -> Result<rusty_s3::actions::ListObjectsV2Response, S3Error> {
        let doing = format!("list {}", self.place(prefix));
        let sign = || {
            let mut action = self.bucket.list_objects_v2(Some(&self.access.credentials));
            action.with_prefix(prefix);
            action.with_delimiter("/");
            if let Some(token) = token {
                action.with_continuation_token(token);
            }
            if let Some(most) = most {
                action.with_max_keys(most);
            }
            action.sign(VALID)
        };
        let wish = self.plain(&doing, Method::GET, &sign);
        let text = self.ask_text(wish).await?;
        ListObjectsV2::parse_response(&text).map_err(|error| S3Error::Strange {
            doing,
            why: format!("the list can't be read: {error}"),
        })
    }

    /// Bytes of an object; none where there is no such object.
    ///
    /// # Errors
    /// The store can't be asked, or refuses.
    pub async fn size_of(&self, key: &str) -> Result<Option<u64>, S3Error> {
        let doing = format!("look at {}", self.place(key));
        let credentials = Some(&self.access.credentials);
        let sign = || self.bucket.head_object(credentials, key).sign(VALID);
        match self.ask(self.plain(&doing, Method::HEAD, &sign)).await {
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
            Ok(answer) => {
                let length = answer.header("content-length");
                let length = length.and_then(|text| text.parse().ok());
                length.map(Some).ok_or(S3Error::Strange {
                    doing,
                    why: "it does not say how many bytes it has".to_owned(),
                })
            }
        }
    }

    /// A small object, whole; none where there is no such object.
    ///
    /// # Errors
    /// As [`S3Client::size_of`].
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, S3Error> {
        let doing = format!("get {}", self.place(key));
        let credentials = Some(&self.access.credentials);
        let sign = || self.bucket.get_object(credentials, key).sign(VALID);
        match self.ask(self.plain(&doing, Method::GET, &sign)).await {
            Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
            Err(error) if error.status() == Some(404) && error.code() != Some("NoSuchBucket") => {
                Ok(None)
            }
            Err(error) => Err(error),
            Ok(mut answer) => {
                let bytes = answer.bytes().await;
                bytes.map(Some).map_err(|why| self.unreachable(&doing, why))
            }
        }
    }

    /// Writes an object into `to` as it comes. `watch` is told how many bytes have come.
    ///
    /// # Errors
    /// The store can't be asked, or refuses; the object ends early; `to` can't be written.
    pub async fn fetch(
        &self,
        key: &str,
        mut to: impl Write,
        mut watch: impl FnMut(u64),
    ) -> Result<Fetched, S3Error> {
        let doing = format!("get {}", self.place(key));
        let credentials = Some(&self.access.credentials);
        let sign = || self.bucket.get_object(credentials, key).sign(VALID);
        let mut answer = self.ask(self.plain(&doing, Method::GET, &sign)).await?;
        let mut hash = Sha256::new();
        let mut bytes = 0;
        loop {
            let piece = answer.piece().await;
            let Some(piece) = piece.map_err(|why| self.unreachable(&doing, why))? else {
                break;
            };
            hash.update(&piece);
            bytes += piece.len() as u64;
            to.write_all(&piece).map_err(|source| S3Error::File {
                doing: doing.clone(),
                source,
            })?;
            watch(bytes);
        }
        let stated = answer.header("content-length");
        let stated = stated.and_then(|text| text.parse::<u64>().ok());
        if stated.is_some_and(|stated| stated != bytes) {
            return Err(self.unreachable(&doing, format!("it ended after {bytes} bytes")));
        }
        Ok(Fetched {
            bytes,
            sha256: hash.finalize().into(),
        })
    }

    /// Removes an object; that there is none is fine.
    ///
    /// # Errors
    /// As [`S3Client::size_of`].
    pub async fn remove(&self, key: &str) -> Result<(), S3Error> {
        let doing = format!("remove {}", self.place(key));
        let credentials = Some(&self.access.credentials);
        let sign = || self.bucket.delete_object(credentials, key).sign(VALID);
        match self.ask(self.plain(&doing, Method::DELETE, &sign)).await {
            Err(error) if error.code() == Some("NoSuchKey") => Ok(()),
            other => other.map(drop),
        }
    }

    /// A request without a body.
    pub(super) fn plain<'a>(
        &self,
        doing: &str,
        method: Method,
        sign: &'a (dyn Fn() -> url::Url + Sync),
    ) -> Wish<'a> {
        Wish {
            doing: doing.to_owned(),
            method,
            sign,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}
