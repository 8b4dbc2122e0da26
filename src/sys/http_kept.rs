//! A connection over TLS that is kept open between requests, so that its end is an event.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::http_get::{HttpTls, config, innermost};
use super::tls_probe::{believing, server_name};
use crate::model::Host;

/// Most bytes of an answer that are read.
const MAX_BODY: usize = 64 * 1024;

/// How a server is believed.
#[derive(Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

/// Why trust can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct TrustError {
    /// Why.
    pub reason: String,
}

impl Trust {
    /// Believes servers that these CAs vouch for, under a name; without one each server's own address.
    ///
    /// # Errors
    /// The PEM files or the name can't be used.
    pub fn new(tls: &HttpTls<'_>, name: Option<&Host>) -> Result<Self, TrustError> {
        let config = config(tls).map_err(|reason| TrustError { reason })?;
        let name = name.map(server_name).transpose();
        let name = name.map_err(|error| TrustError {
            reason: error.to_string(),
        })?;
        Ok(Self {
            config: Arc::new(config),
            name,
        })
    }

    /// Believes any certificate.
    ///
    /// # Errors
    /// As [`Trust::new`].
    pub fn blind() -> Result<Self, TrustError> {
        let config = believing().map_err(|error| TrustError {
            reason: error.to_string(),
        })?;
        Ok(Self {
            config: Arc::new(config),
            name: None,
        })
    }
}

/// An open connection. Its `Drop` closes it.
pub struct KeptConnection {
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
    authority: String,
}

impl KeptConnection {
    /// Connects and shakes hands.
    ///
    /// # Errors
    /// Why there is no connection, as one line.
    pub async fn open(address: SocketAddr, trust: &Trust) -> Result<Self, String> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| error.to_string())?;
        let name = match &trust.name {
            Some(name) => name.clone(),
            None => ServerName::IpAddress(address.ip().into()),
        };
        let stream = TlsConnector::from(trust.config.clone())
            .connect(name, stream)
            .await;
        let stream = stream.map_err(|error| error.to_string())?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| innermost(&error))?;
        let driver = tokio::spawn(async move {
            // Its end is what matters; why it ended, the next request tells.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            driver,
            authority: address.to_string(),
        })
    }

    /// Asks for a path and returns the status code.
    ///
    /// # Errors
    /// Why there is no answer, as one line. The connection is of no more use then.
    pub async fn get(&mut self, path: &str) -> Result<u16, String> {
        self.sender
            .ready()
            .await
            .map_err(|error| innermost(&error))?;
        let request = hyper::Request::builder()
            .uri(path)
            .header(hyper::header::HOST, &self.authority)
            .header(hyper::header::USER_AGENT, "etcdha")
            .body(Empty::new())
            .map_err(|error| innermost(&error))?;
        let answer = self
            .sender
            .send_request(request)
            .await
            .map_err(|error| innermost(&error))?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MAX_BODY).collect().await;
        body.map_err(|error| innermost(&*error))?;
        Ok(status)
    }

    /// True while it can be used.
    pub fn is_open(&self) -> bool {
        !self.driver.is_finished() && !self.sender.is_closed()
    }

    /// Waits for its end.
    pub async fn closed(&mut self) {
        // That the task was cancelled is an end, too.
        let _ = (&mut self.driver).await;
    }
}

impl Drop for KeptConnection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Asks for a path: over the kept connection if it lives, else, or if it ends over the question, over a new one.
///
/// # Errors
/// Why there is no answer within `patience`, as one line; nothing is kept then.
pub async fn ask(
    kept: &mut Option<KeptConnection>,
    address: SocketAddr,
    trust: &Trust,
    path: &str,
    patience: Duration,
) -> Result<u16, String> {
    let asking = async {
        if let Some(connection) = kept.as_mut().filter(|it| it.is_open())
            && let Ok(status) = connection.get(path).await
        {
            return Ok(status);
        }
        let mut connection = KeptConnection::open(address, trust).await?;
        let status = connection.get(path).await?;
        *kept = Some(connection);
        Ok(status)
    };
    let answer = match timeout(patience, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {patience:?}")),
    };
    if answer.is_err() {
        *kept = None;
    }
    answer
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::ServerConfig;
    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// Serves `answers` on each connection, then closes it. Returns the address and the certificate.
    async fn serve(answers: usize) -> (SocketAddr, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut status = 199;
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                for _ in 0..answers {
                    let mut request = [0; 2048];
                    let _ = stream.read(&mut request).await.unwrap();
                    status += 1;
                    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
                let _ = stream.shutdown().await;
            }
        });
        (address, certificate.pem())
    }

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_connection_is_kept_and_its_end_is_an_event() {
        let (address, ca) = serve(2).await;
        let tls = HttpTls {
            ca: ca.as_bytes(),
            identity: None,
        };
        let trust = Trust::new(&tls, None).unwrap();
        let mut kept = None;
        assert_eq!(
            ask(&mut kept, address, &trust, "/readyz", PATIENCE).await,
            Ok(200)
        );
        assert_eq!(
            ask(&mut kept, address, &trust, "/readyz", PATIENCE).await,
            Ok(201)
        );
        timeout(PATIENCE, kept.as_mut().unwrap().closed())
            .await
            .unwrap();
        assert!(!kept.as_ref().unwrap().is_open());
        // A new one takes its place.
        assert_eq!(
            ask(&mut kept, address, &trust, "/readyz", PATIENCE).await,
            Ok(202)
        );
    }

    #[tokio::test]
    async fn a_server_that_nobody_vouches_for_is_not_believed_unless_blindly() {
        let (address, _) = serve(9).await;
        let (_, other) = serve(1).await;
        let tls = HttpTls {
            ca: other.as_bytes(),
            identity: None,
        };
        let trust = Trust::new(&tls, None).unwrap();
        let mut kept = None;
        let refused = ask(&mut kept, address, &trust, "/readyz", PATIENCE).await;
        assert!(
            refused.as_ref().is_err_and(|it| it.contains("certificate")),
            "{refused:?}"
        );
        let blind = Trust::blind().unwrap();
        assert!(
            ask(&mut kept, address, &blind, "/readyz", PATIENCE)
                .await
                .is_ok()
        );
    }
}
