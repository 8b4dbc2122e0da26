//! What a TLS server presents: its certificates, its version, and whether it asks for a client's.
//!
//! Nothing is verified here on purpose: the point is to look at what is wrong. So a probe must never
//! carry data, and it doesn't: the connection is closed after the handshake.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, ProtocolVersion, SignatureScheme};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::model::Host;

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// The certificates presented, the server's own first; DER.
    pub chain: Vec<Vec<u8>>,
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// True where the server asked for a client certificate.
    pub asks_for_certificate: bool,
    /// DER names of the authorities whose client certificates it accepts, where it says so.
    pub accepted_authorities: Vec<Vec<u8>>,
    /// Why the server ended the handshake, where it did.
    pub refusal: Option<String>,
}

/// How long a server may take to object to a client certificate. In TLS 1.3 it does so after the
/// handshake is over for the client, and there is no word for "accepted".
const OBJECTION: Duration = Duration::from_millis(500);

/// A certificate and key to show to servers. `Debug` shows neither.
#[derive(Clone)]
pub struct ClientIdentity(Arc<CertifiedKey>);

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").finish_non_exhaustive()
    }
}

/// Why a certificate and key can't be shown to a server.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The certificate's file holds none.
    #[error("read the client certificate")]
    Certificate(#[source] pem::Error),
    /// The key's file holds none that can be read.
    #[error("read the client key")]
    Key(#[source] pem::Error),
    /// They do not fit, or the key is of no use.
    #[error("use the client certificate with its key")]
    Pair(#[source] rustls::Error),
}

impl ClientIdentity {
    /// Reads PEM files.
    ///
    /// # Errors
    /// [`IdentityError`]; that the key belongs to another certificate is one.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(IdentityError::Certificate)?;
        if chain.is_empty() {
            return Err(IdentityError::Certificate(pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(IdentityError::Key)?;
        let provider = aws_lc_rs::default_provider();
        let pair = CertifiedKey::from_der(chain, key, &provider).map_err(IdentityError::Pair)?;
        Ok(Self(Arc::new(pair)))
    }
}

/// Why nothing was seen.
#[derive(Debug, thiserror::Error)]
pub enum TlsProbeError {
    /// No connection.
    #[error("connect to {host} port {port}")]
    Connect {
        /// The host that was tried.
        host: Host,
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server presented nothing before it gave up.
    #[error("TLS handshake with {host} port {port}")]
    Handshake {
        /// The host that was tried.
        host: Host,
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Connects, looks and hangs up, within `patience`.
///
/// # Errors
/// [`TlsProbeError`]; a server that presents its certificates and then refuses ours is no error.
pub async fn probe(host: &Host, port: u16, patience: Duration) -> Result<TlsFacts, TlsProbeError> {
    probe_as(host, port, None, patience).await
}

/// As [`probe`], showing a certificate to a server that asks for one, and waiting a moment for the
/// server to object to it.
///
/// # Errors
/// As [`probe`].
pub async fn probe_as(
    host: &Host,
    port: u16,
    identity: Option<ClientIdentity>,
    patience: Duration,
) -> Result<TlsFacts, TlsProbeError> {
    let connecting = timeout(patience, connect(host, port));
    let stream = connecting
        .await
        .unwrap_or_else(|_| Err(timed_out(patience)));
    let stream = stream.map_err(|source| TlsProbeError::Connect {
        host: host.clone(),
        port,
        source,
    })?;
    let watcher = Arc::new(Watcher::new(identity));
    let shaking = shake(host, stream, watcher.clone());
    let shaken = timeout(patience, shaking)
        .await
        .unwrap_or_else(|_| Err(timed_out(patience)));
    let seen = watcher.take();
    match shaken {
        Ok((version, refusal)) => Ok(TlsFacts {
            version,
            refusal,
            ..seen
        }),
        Err(error) if !seen.chain.is_empty() => Ok(TlsFacts {
            refusal: Some(error.to_string()),
            ..seen
        }),
        Err(source) => Err(TlsProbeError::Handshake {
            host: host.clone(),
            port,
            source,
        }),
    }
}

async fn connect(host: &Host, port: u16) -> std::io::Result<TcpStream> {
    match host {
        Host::Ip(ip) => TcpStream::connect((*ip, port)).await,
        Host::Dns(name) => TcpStream::connect((name.as_str(), port)).await,
    }
}

fn timed_out(patience: Duration) -> std::io::Error {
    let text = format!("no answer within {patience:?}");
    std::io::Error::new(std::io::ErrorKind::TimedOut, text)
}

/// The version agreed on, and the server's objection to our certificate.
async fn shake(
    host: &Host,
    stream: TcpStream,
    watcher: Arc<Watcher>,
) -> std::io::Result<(String, Option<String>)> {
    let config = ClientConfig::builder_with_provider(watcher.provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(watcher.clone())
        .with_client_cert_resolver(watcher.clone());
    let name = server_name(host).map_err(std::io::Error::other)?;
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let version = match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
        other => other.map_or_else(|| "unknown".to_owned(), |version| format!("{version:?}")),
    };
    let shown = watcher.identity.is_some() && watcher.take().asks_for_certificate;
    let refusal = match shown {
        true => timeout(OBJECTION, stream.read_u8()).await.ok(),
        false => None,
    };
    let refusal = refusal.and_then(Result::err).map(|error| error.to_string());
    Ok((version, refusal))
}

/// The name to verify a server by.
///
/// # Errors
/// Where a DNS name is none that certificates can carry.
pub(super) fn server_name(
    host: &Host,
) -> Result<ServerName<'static>, rustls::pki_types::InvalidDnsNameError> {
    match host {
        Host::Ip(IpAddr::V4(ip)) => Ok(ServerName::IpAddress((*ip).into())),
        Host::Ip(IpAddr::V6(ip)) => Ok(ServerName::IpAddress((*ip).into())),
        Host::Dns(name) => ServerName::try_from(name.clone()),
    }
}

/// A client that believes any certificate and shows none.
///
/// # Errors
/// The provider knows no protocol.
pub(super) fn believing() -> Result<ClientConfig, rustls::Error> {
    let watcher = Watcher::new(None);
    let builder = ClientConfig::builder_with_provider(watcher.provider.clone());
    let builder = builder.with_safe_default_protocol_versions()?.dangerous();
    let builder = builder.with_custom_certificate_verifier(Arc::new(watcher));
    Ok(builder.with_no_client_auth())
}

/// Accepts everything and remembers what it saw.
#[derive(Debug)]
struct Watcher {
    provider: Arc<CryptoProvider>,
    identity: Option<ClientIdentity>,
    seen: Mutex<TlsFacts>,
}

impl Watcher {
    fn new(identity: Option<ClientIdentity>) -> Self {
        let seen = TlsFacts {
            chain: Vec::new(),
            version: String::new(),
            asks_for_certificate: false,
            accepted_authorities: Vec::new(),
            refusal: None,
        };
        Self {
            identity,
            provider: Arc::new(aws_lc_rs::default_provider()),
            seen: Mutex::new(seen),
        }
    }

    fn note(&self, note: impl FnOnce(&mut TlsFacts)) {
        // A poisoned lock still holds facts that were written whole.
        note(
            &mut self
                .seen
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
    }

    fn take(&self) -> TlsFacts {
        self.seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}

impl ServerCertVerifier for Watcher {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.note(|seen| {
            let chain = std::iter::once(end_entity).chain(intermediates);
            seen.chain = chain.map(|certificate| certificate.to_vec()).collect();
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl ResolvesClientCert for Watcher {
    fn resolve(
        &self,
        root_hint_subjects: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.note(|seen| {
            seen.asks_for_certificate = true;
            seen.accepted_authorities = root_hint_subjects
                .iter()
                .map(|name| name.to_vec())
                .collect();
        });
        self.identity.as_ref().map(|identity| identity.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::server::WebPkiClientVerifier;
    use rustls::version::{TLS12, TLS13};
    use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// A self-signed pair, PEM.
    fn pair() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["m1".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    /// Serves TLS on `ip` and, where told so, wants clients that `client_ca` signed.
    async fn serve(
        ip: &str,
        version: &'static SupportedProtocolVersion,
        client_ca: Option<&str>,
    ) -> (u16, Vec<u8>) {
        let (certificate, key) = pair();
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .unwrap();
        let builder = match client_ca {
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                let ca = CertificateDer::from_pem_slice(ca.as_bytes()).unwrap();
                roots.add(ca).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
                builder.with_client_cert_verifier(verifier.unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = builder
            .with_single_cert(vec![der.clone()], private)
            .unwrap();
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read_u8().await;
                }
            }
        });
        (port, der.to_vec())
    }

    #[tokio::test]
    async fn a_server_is_described_whether_or_not_it_wants_a_certificate() {
        let (ca, _) = pair();
        for (version, name) in [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")] {
            for client_ca in [None, Some(ca.as_str())] {
                let (port, der) = serve("127.0.0.1", version, client_ca).await;
                let host: Host = "127.0.0.1".parse().unwrap();
                let facts = probe(&host, port, PATIENCE).await.unwrap();
                assert_eq!(facts.chain, [der]);
                assert_eq!(facts.asks_for_certificate, client_ca.is_some());
                assert_eq!(
                    facts.accepted_authorities.len(),
                    usize::from(client_ca.is_some())
                );
                // TLS 1.2 says no during the handshake, TLS 1.3 after it.
                let refused_at_once = client_ca.is_some() && name == "TLSv1.2";
                assert_eq!(facts.refusal.is_some(), refused_at_once);
                if !refused_at_once {
                    assert_eq!(facts.version, name);
                }
            }
        }
    }

    #[tokio::test]
    async fn a_server_s_objection_to_a_certificate_is_heard() {
        let (good, good_key) = pair();
        let (bad, bad_key) = pair();
        for version in [&TLS12, &TLS13] {
            let (port, _) = serve("127.0.0.1", version, Some(&good)).await;
            let host: Host = "localhost".parse().unwrap();
            for (certificate, key, accepted) in [(&good, &good_key, true), (&bad, &bad_key, false)]
            {
                let identity = ClientIdentity::from_pem(certificate.as_bytes(), key.as_bytes());
                let facts = probe_as(&host, port, Some(identity.unwrap()), PATIENCE);
                let refusal = facts.await.unwrap().refusal;
                assert_eq!(refusal.is_none(), accepted, "{refusal:?}");
            }
        }
        let error = ClientIdentity::from_pem(good.as_bytes(), bad_key.as_bytes()).unwrap_err();
        assert!(matches!(error, IdentityError::Pair(_)), "{error}");
        let error = ClientIdentity::from_pem(b"", good_key.as_bytes()).unwrap_err();
        assert!(matches!(error, IdentityError::Certificate(_)), "{error}");
    }

    #[tokio::test]
    async fn ipv6_servers_are_reached() {
        let (port, der) = serve("::1", &TLS13, None).await;
        let host: Host = "[::1]".parse().unwrap();
        assert_eq!(probe(&host, port, PATIENCE).await.unwrap().chain, [der]);
    }

    #[tokio::test]
    async fn no_server_and_no_tls_are_told_apart() {
        let patience = Duration::from_millis(500);
        let host: Host = "127.0.0.1".parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let silent = probe(&host, port, patience).await.unwrap_err();
        assert!(
            matches!(silent, TlsProbeError::Handshake { .. }),
            "{silent}"
        );
        drop(listener);
        let refused = probe(&host, port, patience).await.unwrap_err();
        assert!(
            matches!(refused, TlsProbeError::Connect { .. }),
            "{refused}"
        );
    }
}
