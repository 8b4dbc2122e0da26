//! One request over HTTP/1.1 on a connection of its own: what is sent is whole in memory, what comes is
//! read piece by piece.
//!
//! Invariant: nothing waits without end: connecting and the answer's beginning have a deadline, each
//! further piece another one.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use crate::sys::http_get::{self, HttpTls};

/// Most bytes of an answer that is read as a whole: a page of a thousand names has 400 KiB.
const MAX_TEXT: usize = 8 << 20;

/// Slowest connection that a part gets through, in bytes a second.
const SLOWEST: u64 = 64 << 10;

/// Sends requests.
pub(super) struct Transport {
    tls: Option<Arc<ClientConfig>>,
    patience: Duration,
}

/// A request.
pub(super) struct Message {
    pub(super) method: Method,
    /// Signed: it holds what grants access, so it is never shown.
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

/// An answer that has begun.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    body: Incoming,
    /// Ends the connection with the answer.
    _driver: Driver,
    patience: Duration,
}

/// What carries a connection. It ends with whoever wanted it: a request that is given up must not
/// arrive later, as a part of an upload that has been removed.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Transport {
    /// Prepares requests; `roots` are CA certificates (PEM), needed for https.
    pub(super) fn new(roots: &[u8], patience: Duration) -> Result<Self, String> {
        let tls = match roots {
            [] => None,
            ca => {
                let identity = None;
                Some(Arc::new(http_get::config(&HttpTls { ca, identity })?))
            }
        };
        Ok(Self { tls, patience })
    }

    /// Sends a request, and waits until the answer begins.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn send(&self, message: Message) -> Result<Answer, String> {
        let host = message.url.host_str().unwrap_or_default().to_owned();
        let port = message.url.port_or_known_default().unwrap_or(443);
        // An address of IPv6 stands in brackets there.
        let name = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let connecting = timeout(self.patience, TcpStream::connect((name.as_str(), port)));
        let stream = match connecting.await {
            Ok(connected) => connected.map_err(|error| error.to_string())?,
            Err(_) => return Err(self.silence()),
        };
        // What is sent is sent whole.
        let _ = stream.set_nodelay(true);
        match (message.url.scheme(), &self.tls) {
            ("http", _) => self.exchange(stream, message).await,
            (_, None) => Err("no CA to verify it with".to_owned()),
            (_, Some(tls)) => {
                let name = ServerName::try_from(name).map_err(|error| error.to_string())?;
                let connecting = TlsConnector::from(tls.clone()).connect(name, stream);
                let stream = match timeout(self.patience, connecting).await {
                    Ok(connected) => connected.map_err(|error| error.to_string())?,
                    Err(_) => return Err(self.silence()),
                };
                self.exchange(stream, message).await
            }
        }
    }

    fn silence(&self) -> String {
        format!("no answer within {:?}", self.patience)
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        message: Message,
    ) -> Result<Answer, String> {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| innermost(&error))?;
        let driver = Driver(tokio::spawn(async move {
            // That it ended badly is told by whoever reads the answer.
            let _ = connection.await;
        }));
        let sending = Duration::from_secs(message.body.len() as u64 / SLOWEST);
        let patience = self.patience + sending;
        let sent = timeout(patience, sender.send_request(request(message)?)).await;
        let answer = match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(innermost(&error)),
            Err(_) => return Err(format!("no answer within {patience:?}")),
        };
        let (parts, body) = answer.into_parts();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            _driver: driver,
            patience: self.patience,
        })
    }
}

fn request(message: Message) -> Result<Request<Full<Bytes>>, String> {
    let url = &message.url;
    let mut host = url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = url.port() {
        host += &format!(":{port}");
    }
    let mut builder = Request::builder()
        .method(message.method)
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(hyper::header::HOST, host)
        .header(hyper::header::CONNECTION, "close")
        .header(hyper::header::USER_AGENT, "etcdha");
    for (name, value) in message.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(Full::new(message.body))
        .map_err(|error| innermost(&error))
}

impl Answer {
    /// True for 2xx.
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// The connection ended before, or nothing came for too long.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            let frame = timeout(self.patience, self.body.frame());
            let frame = frame
                .await
                .map_err(|_| format!("nothing came for {:?}", self.patience))?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(innermost(&error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`Answer::piece`]; more than `MAX_TEXT` bytes.
    pub(super) async fn bytes(&mut self) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        while let Some(piece) = self.piece().await? {
            if all.len() + piece.len() > MAX_TEXT {
                return Err(format!("the answer has more than {MAX_TEXT} bytes"));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}

/// The last cause: hyper says "connection error", what lies beneath says why.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
