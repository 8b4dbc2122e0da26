//! A netlink socket: a request out, its whole answer in.
//!
//! Invariant: every wait ends. The kernel answers while it is being asked, so a socket that stays silent
//! for [`PATIENCE`] is an error and no reason to hang.

use std::io;
use std::time::Duration;

use netlink_sys::{Socket, SocketAddr, protocols};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::Malformed;
use super::message::{Answer, Message, Messages, Refusal, Request, flags};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a dump is made again when the table changes meanwhile.
const DUMPS: usize = 10;
/// Room for one datagram; the kernel makes none larger (`NLMSG_GOODSIZE` and 32 KiB with a large buffer).
const DATAGRAM: usize = 64 * 1024;

/// Whom a socket talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Addresses, links and routes.
    Route,
    /// nftables and connection tracking.
    Netfilter,
    /// Families found by name, such as IPVS.
    Generic,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket failed.
    #[error("netlink socket: {action}")]
    Socket {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel refused.
    #[error("the kernel refused: {}{}", io::Error::from_raw_os_error(refusal.errno), said(refusal))]
    Refused {
        /// Its reason.
        refusal: Refusal,
    },
    /// The answer makes no sense.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The table changed during every attempt to read it.
    #[error("the kernel's table changed during each of {DUMPS} attempts to read it")]
    Unsteady,
    /// A request that does not fit a message.
    #[error("the request is larger than a netlink attribute can be (64 KiB)")]
    TooLong,
    /// The kernel said that it is done, and did not send what was asked for.
    #[error("the kernel sent no answer")]
    Nothing,
}

impl NetlinkError {
    /// The kernel's error number, where it refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { refusal } => Some(refusal.errno),
            _ => None,
        }
    }
}

fn said(refusal: &Refusal) -> String {
    let text = refusal.text.as_ref().map(|text| format!(": {text}"));
    text.unwrap_or_default()
}

/// An open socket.
pub struct NetlinkSocket {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl NetlinkSocket {
    /// Opens a socket in the network namespace of this process.
    ///
    /// # Errors
    /// The kernel knows no such protocol, or gives no socket.
    pub fn open(protocol: Protocol) -> Result<Self, NetlinkError> {
        let failed = |action| move |source| NetlinkError::Socket { action, source };
        let number = match protocol {
            Protocol::Route => protocols::NETLINK_ROUTE,
            Protocol::Netfilter => protocols::NETLINK_NETFILTER,
            Protocol::Generic => protocols::NETLINK_GENERIC,
        };
        let mut socket = Socket::new(number).map_err(failed("open"))?;
        socket.bind_auto().map_err(failed("bind"))?;
        // Since Linux 4.12. Without it errors have numbers and no text, which will do.
        let _ = socket.set_ext_ack(true);
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))
            .map_err(|errno| failed("set a time limit")(errno.into()))?;
        Ok(Self {
            socket,
            sequence: 0,
            buffer: Vec::with_capacity(DATAGRAM),
        })
    }

    /// Sends a change and waits for its result.
    ///
    /// # Errors
    /// The kernel refused, or the socket failed.
    pub fn change(&mut self, mut request: Request) -> Result<(), NetlinkError> {
        request.flags |= flags::ACK;
        self.exchange(request, |_| Ok(()))
    }

    /// Asks for one thing.
    ///
    /// # Errors
    /// The kernel refused or the socket failed; what `read` says.
    pub fn get<T>(
        &mut self,
        mut request: Request,
        read: impl Fn(Message<'_>) -> Result<T, Malformed>,
    ) -> Result<T, NetlinkError> {
        request.flags |= flags::ACK;
        let mut found = None;
        self.exchange(request, |message| {
            found = Some(read(message)?);
            Ok(())
        })?;
        found.ok_or(NetlinkError::Nothing)
    }

    /// Asks for a table; once more when it changes meanwhile.
    ///
    /// # Errors
    /// As [`NetlinkSocket::get`]; and a table that never holds still.
    pub fn dump<T>(
        &mut self,
        request: &Request,
        read: impl Fn(Message<'_>) -> Result<Option<T>, Malformed>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..DUMPS {
            let mut request = request.clone();
            request.flags |= flags::DUMP;
            let (mut found, mut steady) = (Vec::new(), true);
            let outcome = self.exchange(request, |message| {
                steady &= !message.is_interrupted();
                found.extend(read(message)?);
                Ok(())
            });
            match outcome {
                Ok(()) if steady => return Ok(found),
                // nf_tables ends a dump that was overtaken by a change with EINTR.
                Err(error) if error.errno() == Some(rustix::io::Errno::INTR.raw_os_error()) => {}
                Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
        Err(NetlinkError::Unsteady)
    }

    /// Sends several messages as one transaction (nfnetlink's batch) and waits for the results of those
    /// that ask for one.
    ///
    /// # Errors
    /// The first refusal: nothing of the batch was done.
    pub fn batch(&mut self, requests: Vec<Request>) -> Result<(), NetlinkError> {
        let (mut bytes, first) = (Vec::new(), self.sequence.wrapping_add(1));
        let mut awaited = 0_usize;
        for request in requests {
            self.sequence = self.sequence.wrapping_add(1);
            awaited += usize::from(request.flags & flags::ACK != 0);
            let encoded = request.encode(self.sequence);
            bytes.extend(encoded.ok_or(NetlinkError::TooLong)?);
        }
        self.send(&bytes)?;
        let last = self.sequence;
        let mut refusal = None;
        while awaited > 0 && refusal.is_none() {
            self.receive()?;
            for message in Messages::new(&self.buffer) {
                let message = message?;
                let offset = message.sequence.wrapping_sub(first);
                if offset > last.wrapping_sub(first) {
                    continue;
                }
                match message.answer()? {
                    Answer::Done => awaited = awaited.saturating_sub(1),
                    Answer::Refused(why) => refusal = refusal.or(Some(why)),
                    Answer::Data(_) | Answer::Noise => {}
                }
            }
        }
        match refusal {
            Some(refusal) => Err(NetlinkError::Refused { refusal }),
            None => Ok(()),
        }
    }

    /// Sends a request and reads messages until its result.
    fn exchange(
        &mut self,
        request: Request,
        mut take: impl FnMut(Message<'_>) -> Result<(), Malformed>,
    ) -> Result<(), NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let bytes = request.encode(sequence).ok_or(NetlinkError::TooLong)?;
        self.send(&bytes)?;
        let mut malformed = None;
        loop {
            self.receive()?;
            for message in Messages::new(&self.buffer) {
                let message = message?;
                // What is left of an earlier request that failed.
                if message.sequence != sequence {
                    continue;
                }
                match message.answer()? {
                    Answer::Data(message) => {
                        if let Err(error) = take(message) {
                            malformed = malformed.or(Some(error));
                        }
                    }
                    Answer::Done => return malformed.map_or(Ok(()), |error| Err(error.into())),
                    Answer::Refused(refusal) => return Err(NetlinkError::Refused { refusal }),
                    Answer::Noise => {}
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), NetlinkError> {
        let kernel = SocketAddr::new(0, 0);
        let sent = self.socket.send_to(bytes, &kernel, 0);
        sent.map(drop).map_err(|source| NetlinkError::Socket {
            action: "send a request",
            source,
        })
    }

    fn receive(&mut self) -> Result<(), NetlinkError> {
        loop {
            self.buffer.clear();
            match self.socket.recv_from(&mut self.buffer, 0) {
                // Port 0 is the kernel; other processes may send to this socket as well.
                Ok((_, from)) if from.port_number() == 0 => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(NetlinkError::Socket {
                        action: "wait for an answer",
                        source,
                    });
                }
            }
        }
    }
}
