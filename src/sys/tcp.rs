//! Whether something listens on a port, and whether the host is there at all.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

/// What a connection attempt met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpAnswer {
    /// The connection was accepted.
    Open,
    /// The host answered that nothing listens.
    Refused,
    /// No answer, or none from the host itself; why.
    Silent(String),
}

/// Tries to connect once, for at most `patience`.
pub async fn probe(ip: IpAddr, port: u16, patience: Duration) -> TcpAnswer {
    match timeout(patience, TcpStream::connect((ip, port))).await {
        Ok(Ok(_)) => TcpAnswer::Open,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => TcpAnswer::Refused,
        Ok(Err(error)) => TcpAnswer::Silent(error.to_string()),
        Err(_) => TcpAnswer::Silent(format!("no answer within {patience:?}")),
    }
}

/// Different ports of this machine's loopback address that nobody listens on. Somebody may before they
/// are used: whoever fails to listen there asks for others.
///
/// # Errors
/// The system gives none.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    // Held until all are known, so that none is given twice.
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn open_and_refused_ports_are_told_apart() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Duration::from_secs(5);
        assert_eq!(
            probe(address.ip(), address.port(), patience).await,
            TcpAnswer::Open
        );
        drop(listener);
        assert_eq!(
            probe(address.ip(), address.port(), patience).await,
            TcpAnswer::Refused
        );
    }
}
