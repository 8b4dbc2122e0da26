//! Uploads that were begun and never ended: a killed run leaves them, and stores keep and bill their parts.

use hyper::Method;
use instant_xml::FromXml;
use jiff::Timestamp;
use rusty_s3::S3Action;

use super::client::{S3Client, VALID};
use super::error::S3Error;

/// The name space of S3's documents.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// An upload that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingUpload {
    /// The key its object would have.
    pub key: String,
    /// Its id.
    pub id: String,
    /// When it was begun.
    pub begun: Timestamp,
}

#[derive(FromXml)]
#[xml(rename = "ListMultipartUploadsResult", ns(NAMESPACE))]
struct UploadList {
    uploads: Vec<Upload>,
}

#[derive(FromXml)]
#[xml(rename = "Upload", ns(NAMESPACE))]
struct Upload {
    #[xml(rename = "Key")]
    key: String,
    #[xml(rename = "UploadId")]
    upload_id: String,
    #[xml(rename = "Initiated")]
    initiated: Option<String>,
}

impl S3Client {
    /// Uploads below a prefix that have not ended, a thousand at most; none where the store can't tell.
    ///
    /// # Errors
    /// The store can't be asked, or refuses.
    pub async fn uploads(&self, prefix: &str) -> Result<Vec<PendingUpload>, S3Error> {
        let doing = format!("list unfinished uploads to {}", self.place(prefix));
        // rusty-s3 has no such request; the signature is that of any GET of the bucket.
        let query = [("prefix", prefix), ("uploads", "")];
        let credentials = &self.access.credentials;
        let sign = || {
            rusty_s3::signing::sign(
                &Timestamp::now(),
                rusty_s3::Method::Get,
                self.bucket.base_url().clone(),
                credentials.key(),
                credentials.secret(),
                credentials.token(),
                self.bucket.region(),
                VALID.as_secs(),
                query.into_iter(),
                std::iter::empty(),
            )
        };
        let asked = self.ask_text(self.plain(&doing, Method::GET, &sign)).await;
        let text = match asked {
            Err(error) if is_unable(&error) => return Ok(Vec::new()),
            other => other?,
        };
        read(&text).map_err(|error| S3Error::Strange {
            doing,
            why: format!("the list can't be read: {error}"),
        })
    }

    /// Removes the parts of an upload; that there is none is fine.
    ///
    /// # Errors
    /// As [`S3Client::uploads`].
    pub async fn remove_upload(&self, key: &str, id: &str) -> Result<(), S3Error> {
        let doing = format!("remove the unfinished upload to {}", self.place(key));
        let credentials = Some(&self.access.credentials);
        let sign = || {
            let action = self.bucket.abort_multipart_upload(credentials, key, id);
            action.sign(VALID)
        };
        match self.ask(self.plain(&doing, Method::DELETE, &sign)).await {
            Err(error) if error.code() == Some("NoSuchUpload") => Ok(()),
            other => other.map(drop),
        }
    }
}

/// True where the store has no such request, or these credentials may not send it.
fn is_unable(error: &S3Error) -> bool {
    matches!(error.code(), Some("NotImplemented" | "AccessDenied")) || error.status() == Some(501)
}

fn read(text: &str) -> Result<Vec<PendingUpload>, instant_xml::Error> {
    let list: UploadList = instant_xml::from_str(text)?;
    // One whose age is unknown may be another run's: it is left alone.
    let uploads = list.uploads.into_iter().filter_map(|upload| {
        Some(PendingUpload {
            begun: upload.initiated?.parse().ok()?,
            key: upload.key,
            id: upload.upload_id,
        })
    });
    Ok(uploads.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_strange_ones_are_told() {
        let list = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Bucket>etcd</Bucket><KeyMarker/><IsTruncated>false</IsTruncated>\
            <Upload><Key>prod/x.db</Key><UploadId>VXBsb2Fk</UploadId>\
            <Initiator><ID>arn</ID><DisplayName>a</DisplayName></Initiator>\
            <StorageClass>STANDARD</StorageClass><Initiated>2026-11-20T20:48:33.000Z</Initiated></Upload>\
            <Upload><Key>y</Key><UploadId>z</UploadId></Upload>\
            </ListMultipartUploadsResult>";
        let found = read(list).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, "prod/x.db");
        assert_eq!(found[0].begun, "2026-11-20T20:48:33Z".parse().unwrap());
        for odd in ["", "<html/>", "<ListMultipartUploadsResult", &list[..200]] {
            assert!(read(odd).is_err(), "{odd}");
        }
    }
}
