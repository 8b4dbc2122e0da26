//! Puts an object: whole or not at all, and compared with what was sent.
//!
//! A small one is one request. A larger one is sent in parts that nobody sees before the last request
//! (multipart upload); given up on the way, the parts are removed. The store checks the MD5 of what it
//! gets (`Content-MD5`), and what it answers is compared with ours: the ETag of a part is its MD5, that of
//! the object the MD5 of those (S3 API reference, "Object"). Where the store encrypts with keys of its
//! own, ETags are none of these, and the object is read back.

use crate::model::hex;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use hyper::body::Bytes;
use md5::{Digest as _, Md5};
use rusty_s3::S3Action;
use rusty_s3::actions::{CompleteMultipartUploadResponse, CreateMultipartUpload};

use super::access::S3Access;
use super::client::{S3Client, VALID, Wish};
use super::error::S3Error;

/// Bytes of a part; all of them but the last have to be equal in some stores. At least 5 MiB.
const PART_BYTES: u64 = 8 << 20;

/// Most parts of an upload; a store takes 10,000.
const MAX_PARTS: u64 = 9_000;

/// How long the removal of parts may hold up the end of a run.
const ABORT_PATIENCE: Duration = Duration::from_secs(3);

/// The header with the MD5 of a body, in Base64.
const CONTENT_MD5: &str = "content-md5";

type Md5Sum = [u8; 16];

impl S3Client {
    /// Puts a small object.
    ///
    /// # Errors
    /// The store can't be asked, refuses, or has stored something else.
    pub async fn put(&self, key: &str, contents: Vec<u8>) -> Result<(), S3Error> {
        let doing = format!("put {}", self.place(key));
        let sum: Md5Sum = Md5::digest(&contents).into();
        let length = contents.len() as u64;
        let etag = self.put_whole(&doing, key, contents.into(), sum).await?;
        match is_md5(etag.as_deref(), &hex(&sum)) {
            Some(true) => Ok(()),
            Some(false) => Err(differs(&doing)),
            None => self.demand_size(&doing, key, length).await,
        }
    }

    /// Puts a file. `sha256` is of all of its `size` bytes; `watch` is told how many were sent.
    ///
    /// # Errors
    /// As [`S3Client::put`], and a file that can't be read; nothing is left of it then.
    pub async fn upload(
        &self,
        key: &str,
        file: &File,
        size: u64,
        sha256: &[u8; 32],
        watch: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), S3Error> {
        let doing = format!("put {}", self.place(key));
        let (etag, expected) = match size <= PART_BYTES {
            true => {
                let body = part(&doing, file, 0, size)?;
                let sum: Md5Sum = Md5::digest(&body).into();
                let etag = self.put_whole(&doing, key, body, sum).await?;
                watch(size);
                (etag, hex(&sum))
            }
            false => self.upload_parts(&doing, key, file, size, watch).await?,
        };
        let is_right = match is_md5(etag.as_deref(), &expected) {
            Some(is_right) => is_right,
            None => {
                let fetched = self.fetch(key, std::io::sink(), |_| {}).await?;
                fetched.bytes == size && fetched.sha256 == *sha256
            }
        };
        if is_right {
            return Ok(());
        }
        self.remove(key).await?;
        Err(differs(&doing))
    }

    async fn put_whole(
        &self,
        doing: &str,
        key: &str,
        body: Bytes,
        sum: Md5Sum,
    ) -> Result<Option<String>, S3Error> {
        let sum = STANDARD.encode(sum);
        let sign = || {
            let mut action = self.bucket.put_object(Some(&self.access.credentials), key);
            action.headers_mut().insert(CONTENT_MD5, sum.clone());
            action.sign(VALID)
        };
        let answer = self.ask(Wish {
            doing: doing.to_owned(),
            method: Method::PUT,
            sign: &sign,
            headers: vec![(CONTENT_MD5, sum.clone())],
            body,
        });
        Ok(etag(answer.await?.header("etag")))
    }

    /// Sends the parts and has them put together. Gives the object's ETag and the one that is expected.
    async fn upload_parts(
        &self,
        doing: &str,
        key: &str,
        file: &File,
        size: u64,
        watch: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(Option<String>, String), S3Error> {
        let pending = Pending::begin(self, doing, key).await?;
        let part_bytes = PART_BYTES.max(size.div_ceil(MAX_PARTS).next_multiple_of(1 << 20));
        let mut etags = Vec::new();
        let mut sums = Md5::new();
        let mut sent = 0;
        while sent < size {
            let length = part_bytes.min(size - sent);
            let body = part(doing, file, sent, length)?;
            let sum: Md5Sum = Md5::digest(&body).into();
            let number = u16::try_from(etags.len() + 1).unwrap_or(u16::MAX);
            let etag = self.put_part(&pending, doing, number, body, sum).await?;
            if is_md5(Some(&etag), &hex(&sum)) == Some(false) {
                return Err(differs(doing));
            }
            etags.push(etag);
            sums.update(sum);
            sent += length;
            watch(sent);
        }
        let expected = format!("{}-{}", hex(&sums.finalize()), etags.len());
        let etag = self.put_together(pending, doing, &etags).await?;
        Ok((etag, expected))
    }

    async fn put_part(
        &self,
        pending: &Pending,
        doing: &str,
        number: u16,
        body: Bytes,
        sum: Md5Sum,
    ) -> Result<String, S3Error> {
        let sum = STANDARD.encode(sum);
        let credentials = Some(&self.access.credentials);
        let sign = || {
            let mut action =
                self.bucket
                    .upload_part(credentials, &pending.key, number, &pending.id);
            action.headers_mut().insert(CONTENT_MD5, sum.clone());
            action.sign(VALID)
        };
        let answer = self.ask(Wish {
            doing: doing.to_owned(),
            method: Method::PUT,
            sign: &sign,
            headers: vec![(CONTENT_MD5, sum.clone())],
            body,
        });
        etag(answer.await?.header("etag")).ok_or_else(|| S3Error::Strange {
            doing: doing.to_owned(),
            why: format!("the store gave no ETag for part {number}"),
        })
    }

    /// The last request. Its answer may get lost when the work is done: then the object is there.
    async fn put_together(
        &self,
        pending: Pending,
        doing: &str,
        etags: &[String],
    ) -> Result<Option<String>, S3Error> {
        let credentials = Some(&self.access.credentials);
        let action = || {
            let etags = etags.iter().map(String::as_str);
            self.bucket
                .complete_multipart_upload(credentials, &pending.key, &pending.id, etags)
        };
        let sign = || action().sign(VALID);
        let wish = Wish {
            doing: doing.to_owned(),
            method: Method::POST,
            sign: &sign,
            headers: Vec::new(),
            body: action().body().into(),
        };
        let text = match self.ask_text(wish).await {
            Ok(text) => text,
            // An attempt before this one was heard: what is there is compared like any other.
            Err(error) if error.code() == Some("NoSuchUpload") => {
                let there = self.size_of(&pending.key).await?;
                return match there {
                    Some(_) => {
                        pending.done();
                        Ok(None)
                    }
                    None => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        // A failure may come with the status 200.
        match CompleteMultipartUploadResponse::parse(&text) {
            Ok(told) => {
                pending.done();
                Ok(etag(Some(told.etag())))
            }
            Err(_) => Err(S3Error::refused(doing, 200, &text)),
        }
    }

    async fn demand_size(&self, doing: &str, key: &str, length: u64) -> Result<(), S3Error> {
        match self.size_of(key).await? {
            Some(found) if found == length => Ok(()),
            _ => Err(differs(doing)),
        }
    }
}

/// An upload that has begun. Dropped before its end, its parts are removed.
struct Pending {
    access: S3Access,
    bucket: String,
    key: String,
    id: String,
    is_done: bool,
}

impl Pending {
    async fn begin(client: &S3Client, doing: &str, key: &str) -> Result<Self, S3Error> {
        let credentials = Some(&client.access.credentials);
        let sign = || {
            client
                .bucket
                .create_multipart_upload(credentials, key)
                .sign(VALID)
        };
        let text = client
            .ask_text(client.plain(doing, Method::POST, &sign))
            .await?;
        let told = CreateMultipartUpload::parse_response(&text);
        let told = told.map_err(|error| S3Error::Strange {
            doing: doing.to_owned(),
            why: format!("the upload's id can't be read: {error}"),
        })?;
        Ok(Self {
            access: client.access.clone(),
            bucket: client.bucket.name().to_owned(),
            key: key.to_owned(),
            id: told.upload_id().to_owned(),
            is_done: false,
        })
    }

    fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Pending {
    /// Also when a signal ends the run, and the runtime with it: hence a runtime of its own.
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let (access, bucket) = (self.access.clone(), self.bucket.clone());
        let (key, id) = (self.key.clone(), self.id.clone());
        let removing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let (Ok(runtime), Ok(client)) = (runtime, S3Client::new(&access, &bucket)) else {
                return;
            };
            // What is left is told by the next prune.
            let _ = runtime.block_on(async {
                let removing = client.remove_upload(&key, &id);
                tokio::time::timeout(ABORT_PATIENCE, removing).await
            });
        });
        let _ = removing.join();
    }
}

/// Bytes of the file, for one request.
fn part(doing: &str, file: &File, offset: u64, length: u64) -> Result<Bytes, S3Error> {
    let failed = |source| S3Error::File {
        doing: doing.to_owned(),
        source,
    };
    let length = usize::try_from(length).map_err(std::io::Error::other);
    let mut body = vec![0; length.map_err(failed)?];
    file.read_exact_at(&mut body, offset).map_err(failed)?;
    Ok(body.into())
}

fn etag(text: Option<&str>) -> Option<String> {
    text.map(|text| text.trim_matches('"').to_owned())
}

/// Whether an ETag is this MD5; none where it is no MD5 at all.
fn is_md5(etag: Option<&str>, expected: &str) -> Option<bool> {
    let etag = etag?.trim_matches('"');
    let digits = etag.split_once('-').map_or(etag, |(digits, _)| digits);
    let is_sum = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_sum || etag.contains('-') != expected.contains('-') {
        return None;
    }
    match etag.eq_ignore_ascii_case(expected) {
        true => Some(true),
        // Amazon's own keys (SSE-KMS) give ETags that look like one: the object decides.
        false => None,
    }
}

fn differs(doing: &str) -> S3Error {
    S3Error::Strange {
        doing: doing.to_owned(),
        why: "what the store has is not what was sent".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_proves_or_says_nothing() {
        let sum = "d41d8cd98f00b204e9800998ecf8427e";
        assert_eq!(is_md5(Some(&format!("\"{sum}\"")), sum), Some(true));
        assert_eq!(is_md5(Some(&sum.to_uppercase()), sum), Some(true));
        for other in [
            None,
            Some("abc"),
            Some("00000000000000000000000000000000-1"),
        ] {
            assert_eq!(is_md5(other, sum), None);
        }
    }
}
