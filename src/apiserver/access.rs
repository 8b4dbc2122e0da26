//! Where a kube-apiserver is, whom to trust and who we are.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::model::ApiserverUrl;
use crate::sys::http_get::{self, HttpAnswer, HttpError, HttpRequest, HttpTls};

/// Whom to trust and who we are. `Debug` shows neither key nor token.
#[derive(Clone)]
pub struct Credentials {
    /// CA certificates that vouch for the server, PEM.
    pub ca: Vec<u8>,
    /// Client certificate and key, PEM.
    pub identity: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    /// A bearer token.
    pub token: Option<Zeroizing<String>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// True where the server can know who asks: an anonymous client sees health and nothing else.
    pub fn has_identity(&self) -> bool {
        self.identity.is_some() || self.token.is_some()
    }
}

/// Everything needed to ask one kube-apiserver.
#[derive(Clone, Debug)]
pub struct ApiAccess {
    /// Where it is. The server is verified against this host.
    pub url: ApiserverUrl,
    /// Whom to trust and who we are.
    pub credentials: Credentials,
    /// Longest time of one request.
    pub timeout: Duration,
}

impl ApiAccess {
    /// Sends a request with the identity there is.
    ///
    /// # Errors
    /// Where no complete answer came; any status code is an answer.
    pub(super) async fn send(&self, request: HttpRequest<'_>) -> Result<HttpAnswer, HttpError> {
        let identity = self.credentials.identity.as_ref();
        let tls = HttpTls {
            ca: &self.credentials.ca,
            identity: identity.map(|(certificate, key)| (certificate.as_slice(), key)),
        };
        let request = HttpRequest {
            token: self.credentials.token.as_ref(),
            ..request
        };
        http_get::send(&self.url.0, &request, Some(&tls), self.timeout).await
    }
}
