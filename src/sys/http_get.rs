//! One request over HTTP/1.1, with or without TLS: etcd's `/version`, `/health`, `/readyz`, what the
//! `Date` header says about the server's clock, and a kube-apiserver's health and objects.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::Method;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use crate::model::{EtcdUrl, Host, Scheme};

use super::tls_probe::server_name;

/// Most bytes of an answer that are read; health answers are a few hundred, a small object of
/// Kubernetes some thousand.
const MAX_BODY: usize = 256 * 1024;

/// PEM contents for a TLS request.
pub struct HttpTls<'a> {
    /// CA certificates.
    pub ca: &'a [u8],
    /// Client certificate and key.
    pub identity: Option<(&'a [u8], &'a Zeroizing<Vec<u8>>)>,
}

/// What is asked for. Its `Debug` shows neither token nor body.
#[derive(Clone)]
pub struct HttpRequest<'a> {
    /// `GET`, `POST`, …
    pub method: Method,
    /// Path and query.
    pub path: &'a str,
    /// A bearer token.
    pub token: Option<&'a Zeroizing<String>>,
    /// A JSON document to send.
    pub json: Option<String>,
}

impl<'a> HttpRequest<'a> {
    /// Asks for `path`.
    pub fn get(path: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            token: None,
            json: None,
        }
    }
}

impl fmt::Debug for HttpRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The `Date` header as seconds since 1970, where there is a readable one.
    pub date: Option<i64>,
    /// The body, text.
    pub body: String,
}

/// Why there is no answer: the text names the innermost reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} {url}{path}: {reason}")]
pub struct HttpError {
    /// `GET`, `POST`, …
    pub method: String,
    /// The server.
    pub url: String,
    /// What was asked for.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Asks `url` for `path` within `patience`.
///
/// # Errors
/// As [`send`].
pub async fn get(
    url: &EtcdUrl,
    path: &str,
    tls: Option<&HttpTls<'_>>,
    patience: Duration,
) -> Result<HttpAnswer, HttpError> {
    send(url, &HttpRequest::get(path), tls, patience).await
}

/// Sends a request and reads the answer within `patience`.
///
/// # Errors
/// Where no complete answer of reasonable size came; any status code is an answer.
pub async fn send(
    url: &EtcdUrl,
    request: &HttpRequest<'_>,
    tls: Option<&HttpTls<'_>>,
    patience: Duration,
) -> Result<HttpAnswer, HttpError> {
    let asking = timeout(patience, ask(url, request, tls));
    let answer = match asking.await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {patience:?}")),
    };
    answer.map_err(|reason| HttpError {
        method: request.method.to_string(),
        url: url.to_string(),
        path: request.path.to_owned(),
        reason,
    })
}

async fn ask(
    url: &EtcdUrl,
    request: &HttpRequest<'_>,
    tls: Option<&HttpTls<'_>>,
) -> Result<HttpAnswer, String> {
    let stream = match &url.host {
        Host::Ip(ip) => TcpStream::connect((*ip, url.port)).await,
        Host::Dns(name) => TcpStream::connect((name.as_str(), url.port)).await,
    };
    let stream = stream.map_err(|error| error.to_string())?;
    match (url.scheme, tls) {
        (Scheme::Http, _) => exchange(stream, url, request).await,
        (Scheme::Https, None) => Err("no CA to verify it with".to_owned()),
        (Scheme::Https, Some(tls)) => {
            let connector = TlsConnector::from(Arc::new(config(tls)?));
            let name = server_name(&url.host).map_err(|error| error.to_string())?;
            let stream = connector.connect(name, stream).await;
            exchange(stream.map_err(|error| error.to_string())?, url, request).await
        }
    }
}

/// What a TLS client of ours trusts, and shows.
///
/// # Errors
/// Contents that are none.
pub fn config(tls: &HttpTls<'_>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(tls.ca) {
        let certificate = certificate.map_err(|error| format!("CA file: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("CA file: {error}"))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let Some((certificate, key)) = tls.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| format!("client certificate: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("client key: {error}"))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| error.to_string())
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &EtcdUrl,
    wish: &HttpRequest<'_>,
) -> Result<HttpAnswer, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| innermost(&error))?;
    let driver = tokio::spawn(connection);
    let request = message(url, wish)?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| innermost(&error))?;
    let date = answer
        .headers()
        .get(hyper::header::DATE)
        .and_then(|value| value.to_str().ok());
    let date = date.and_then(read_date);
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), MAX_BODY).collect().await;
    let body = body.map_err(|error| innermost(&*error))?.to_bytes();
    driver.abort();
    Ok(HttpAnswer {
        status,
        date,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn message(url: &EtcdUrl, wish: &HttpRequest<'_>) -> Result<hyper::Request<Full<Bytes>>, String> {
    let mut builder = hyper::Request::builder()
        .method(wish.method.clone())
        .uri(wish.path)
        .header(hyper::header::HOST, format!("{}:{}", url.host, url.port))
        .header(hyper::header::CONNECTION, "close")
        .header(hyper::header::USER_AGENT, "etcdha");
    if let Some(token) = wish.token {
        let bearer = Zeroizing::new(format!("Bearer {}", token.as_str()));
        builder = builder.header(hyper::header::AUTHORIZATION, bearer.as_str());
    }
    if wish.json.is_some() {
        builder = builder.header(hyper::header::CONTENT_TYPE, "application/json");
    }
    let body = wish.json.clone().unwrap_or_default();
    builder
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| innermost(&error))
}

/// The last cause: hyper says "connection error", what lies beneath says why.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// Reads `Sat, 21 Nov 2026 07:55:00 GMT` (RFC 9110 section 5.6.7).
fn read_date(text: &str) -> Option<i64> {
    let time = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
    let time = time
        .to_datetime()
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()?;
    Some(time.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::ServerConfig;
    use rustls::server::WebPkiClientVerifier;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    async fn serve(answer: &'static str) -> EtcdUrl {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        url
    }

    #[tokio::test]
    async fn status_date_and_body_are_read() {
        let url = serve(
            "HTTP/1.1 503 Service Unavailable\r\nDate: Sat, 21 Nov 2026 07:55:00 GMT\r\n\
             Content-Length: 2\r\n\r\nno",
        )
        .await;
        let answer = get(&url, "/readyz", None, Duration::from_secs(5))
            .await
            .unwrap();
        let expected = HttpAnswer {
            status: 503,
            date: Some(1_795_247_700),
            body: "no".to_owned(),
        };
        assert_eq!(answer, expected);
    }

    #[tokio::test]
    async fn a_server_that_talks_something_else_is_an_error() {
        let url = serve("SSH-2.0-OpenSSH\r\n\r\n").await;
        let error = get(&url, "/", None, Duration::from_secs(5))
            .await
            .unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("GET {url}/: ")),
            "{error}"
        );
    }

    /// Answers one request over TLS on `ip` to clients that its CA signed; the CA's certificate and
    /// a client's pair come back too.
    async fn serve_tls(ip: &str) -> (EtcdUrl, String, (String, Zeroizing<Vec<u8>>)) {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca_params = CertificateParams::new(vec![]).unwrap();
        ca_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = ca_params.self_signed(&ca_key).unwrap();
        let issuer = Issuer::from_params(&ca_params, &ca_key);
        let issue = |names: Vec<String>| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(names).unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (server, server_key) = issue(vec![ip.to_owned()]);
        let (client, client_key) = issue(vec![]);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![server.der().clone()],
                PrivateKeyDer::try_from(server_key.serialize_der()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut request = [0; 1024];
                let size = stream.read(&mut request).await.unwrap();
                let host = String::from_utf8_lossy(&request[..size]).to_lowercase();
                let host = host.lines().find(|line| line.starts_with("host:"));
                let body = host.unwrap_or_default();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let client_key = Zeroizing::new(client_key.serialize_pem().into_bytes());
        (url.parse().unwrap(), ca.pem(), (client.pem(), client_key))
    }

    #[tokio::test]
    async fn tls_is_verified_both_ways_over_both_families() {
        let patience = Duration::from_secs(5);
        for ip in ["127.0.0.1", "::1"] {
            let (url, ca, (client, key)) = serve_tls(ip).await;
            let tls = HttpTls {
                ca: ca.as_bytes(),
                identity: Some((client.as_bytes(), &key)),
            };
            let answer = get(&url, "/version", Some(&tls), patience).await.unwrap();
            let host = url.to_string().replace("https://", "host: ");
            assert_eq!((answer.status, answer.body), (200, host));

            let nobody = HttpTls {
                identity: None,
                ..tls
            };
            let error = get(&url, "/version", Some(&nobody), patience).await;
            let reason = error.unwrap_err().reason;
            assert!(reason.contains("CertificateRequired"), "{reason}");

            let (_, stranger, _) = serve_tls(ip).await;
            let stranger = HttpTls {
                ca: stranger.as_bytes(),
                identity: Some((client.as_bytes(), &key)),
            };
            let error = get(&url, "/version", Some(&stranger), patience).await;
            let reason = error.unwrap_err().reason;
            assert!(reason.contains("invalid peer certificate"), "{reason}");
        }
    }
}
