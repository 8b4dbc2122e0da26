//! Signs requests, sends them, and sends them again where that may help.

use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use rusty_s3::{Bucket, UrlStyle};
use url::Url;

use crate::model::ObjectPlace;

use super::access::S3Access;
use super::error::S3Error;
use super::transport::{Answer, Message, Transport};

/// How long a signed request may be used: it is used at once, and clocks differ.
pub(super) const VALID: Duration = Duration::from_secs(900);

/// Pauses before another attempt.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_millis(1000),
    Duration::from_millis(3000),
];

/// A bucket that is asked.
pub struct S3Client {
    pub(super) bucket: Bucket,
    pub(super) access: S3Access,
    transport: Transport,
}

impl std::fmt::Debug for S3Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3Client({})", self.bucket.name())
    }
}

/// A request to be signed anew for each attempt.
pub(super) struct Wish<'a> {
    /// The attempt and its object, for errors.
    pub(super) doing: String,
    pub(super) method: Method,
    /// Gives the signed URL.
    pub(super) sign: &'a (dyn Fn() -> Url + Sync),
    /// Those that are part of the signature.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

impl S3Client {
    /// Prepares requests to a bucket; asks nothing.
    ///
    /// # Errors
    /// CA certificates or an endpoint that can't be used.
    pub fn new(access: &S3Access, bucket: &str) -> Result<Self, S3Error> {
        let strange = |why: String| S3Error::Strange {
            doing: format!("reach s3://{bucket}"),
            why,
        };
        let style = match access.virtual_hosts {
            true => UrlStyle::VirtualHost,
            false => UrlStyle::Path,
        };
        let endpoint = access.endpoint.clone();
        let name = bucket.to_owned();
        Ok(Self {
            bucket: Bucket::new(endpoint, style, name, access.region.clone())
                .map_err(|error| strange(error.to_string()))?,
            transport: Transport::new(&access.roots, access.timeout).map_err(strange)?,
            access: access.clone(),
        })
    }

    /// The full name of an object of this bucket.
    pub(super) fn place(&self, key: &str) -> ObjectPlace {
        ObjectPlace {
            bucket: self.bucket.name().to_owned(),
            key: key.to_owned(),
        }
    }

    /// Sends a request, again where that may help, and gives a good answer.
    pub(super) async fn ask(&self, wish: Wish<'_>) -> Result<Answer, S3Error> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let error = match self.ask_once(&wish).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match pauses.next().filter(|_| error.is_passing()) {
                None => return Err(error),
                Some(pause) => {
                    tracing::debug!(%error, "asked again");
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Sends a request once.
    pub(super) async fn ask_once(&self, wish: &Wish<'_>) -> Result<Answer, S3Error> {
        let message = Message {
            method: wish.method.clone(),
            url: (wish.sign)(),
            headers: wish.headers.clone(),
            body: wish.body.clone(),
        };
        let sent = self.transport.send(message).await;
        let mut answer = sent.map_err(|why| self.unreachable(&wish.doing, why))?;
        if answer.is_good() {
            return Ok(answer);
        }
        // A body that does not come is no more than a missing explanation.
        let body = answer.bytes().await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        Err(S3Error::refused(&wish.doing, answer.status, &body))
    }

    /// As [`S3Client::ask`], for an answer that is text.
    pub(super) async fn ask_text(&self, wish: Wish<'_>) -> Result<String, S3Error> {
        let doing = wish.doing.clone();
        let mut answer = self.ask(wish).await?;
        let bytes = answer.bytes().await;
        let bytes = bytes.map_err(|why| self.unreachable(&doing, why))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(super) fn unreachable(&self, doing: &str, why: String) -> S3Error {
        S3Error::Unreachable {
            doing: doing.to_owned(),
            endpoint: self.access.endpoint.to_string(),
            why,
        }
    }
}
