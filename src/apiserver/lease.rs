//! A Lease as a kube-apiserver keeps it in etcd: who leads, and since when.
//!
//! Stored objects begin with `k8s\0`, followed by a protobuf `runtime.Unknown` whose second field
//! holds the object (apimachinery's `pkg/runtime/generated.proto` and the Lease of
//! `k8s.io/api/coordination/v1/generated.proto`); apiservers told to store JSON write that.

use jiff::Timestamp;
use prost::Message;
use serde::Deserialize;

/// What an apiserver's protobuf begins with.
const MAGIC: &[u8] = b"k8s\0";

/// What a value begins with that is encrypted at rest.
const ENCRYPTED: &[u8] = b"k8s:enc:";

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The holder's identity: its host's name, `_` and a UUID; empty where nobody holds it.
    pub holder: String,
    /// When it was last renewed.
    pub renewed: Option<Timestamp>,
    /// For how many seconds a renewal counts.
    pub seconds: i32,
}

/// Why a value is no lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// The apiserver encrypts it.
    #[error("it is encrypted")]
    Encrypted,
    /// It is no stored Lease.
    #[error("it is no Lease as a kube-apiserver stores one")]
    Unreadable,
}

#[derive(Clone, PartialEq, Message)]
struct TypeMeta {
    #[prost(string, tag = "1")]
    api_version: String,
    #[prost(string, tag = "2")]
    kind: String,
}

#[derive(Clone, PartialEq, Message)]
struct Unknown {
    #[prost(message, optional, tag = "1")]
    type_meta: Option<TypeMeta>,
    #[prost(bytes = "vec", tag = "2")]
    raw: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredLease {
    #[prost(message, optional, tag = "2")]
    spec: Option<LeaseSpec>,
}

#[derive(Clone, PartialEq, Message)]
struct LeaseSpec {
    #[prost(string, optional, tag = "1")]
    holder_identity: Option<String>,
    #[prost(int32, optional, tag = "2")]
    lease_duration_seconds: Option<i32>,
    #[prost(message, optional, tag = "4")]
    renew_time: Option<MicroTime>,
}

#[derive(Clone, PartialEq, Message)]
struct MicroTime {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Deserialize)]
struct JsonLease {
    kind: String,
    spec: JsonSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonSpec {
    #[serde(default)]
    holder_identity: String,
    #[serde(default)]
    lease_duration_seconds: i32,
    renew_time: Option<Timestamp>,
}

impl Lease {
    /// Reads the value of a key below `/registry/leases/`.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn decode(value: &[u8]) -> Result<Self, LeaseError> {
        if value.starts_with(ENCRYPTED) {
            return Err(LeaseError::Encrypted);
        }
        match value.strip_prefix(MAGIC) {
            Some(message) => Self::of_protobuf(message),
            None => Self::of_json(value),
        }
        .ok_or(LeaseError::Unreadable)
    }

    fn of_protobuf(message: &[u8]) -> Option<Self> {
        let unknown = Unknown::decode(message).ok()?;
        if unknown.type_meta?.kind != "Lease" {
            return None;
        }
        let spec = StoredLease::decode(unknown.raw.as_slice()).ok()?.spec?;
        let renewed = spec.renew_time;
        Some(Self {
            holder: spec.holder_identity.unwrap_or_default(),
            renewed: renewed.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok()),
            seconds: spec.lease_duration_seconds.unwrap_or_default(),
        })
    }

    fn of_json(value: &[u8]) -> Option<Self> {
        let lease: JsonLease = serde_json::from_slice(value).ok()?;
        (lease.kind == "Lease").then_some(Self {
            holder: lease.spec.holder_identity,
            renewed: lease.spec.renew_time,
            seconds: lease.spec.lease_duration_seconds,
        })
    }

    /// The host of the holder: its identity up to the last `_`.
    pub fn host(&self) -> &str {
        let host = self.holder.rsplit_once('_').map(|(host, _)| host);
        host.unwrap_or(&self.holder)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stored() -> Vec<u8> {
        let spec = LeaseSpec {
            holder_identity: Some("m1_b0a2".into()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime {
                seconds: 1_795_247_700,
                nanos: 0,
            }),
        };
        let lease = StoredLease { spec: Some(spec) };
        let unknown = Unknown {
            type_meta: Some(TypeMeta {
                api_version: "coordination.k8s.io/v1".into(),
                kind: "Lease".into(),
            }),
            raw: lease.encode_to_vec(),
        };
        [MAGIC, &unknown.encode_to_vec()].concat()
    }

    #[test]
    fn both_stored_forms_are_read() {
        let lease = Lease::decode(&stored()).unwrap();
        assert_eq!((lease.host(), lease.seconds), ("m1", 15));
        let json = br#"{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{},
            "spec":{"holderIdentity":"m1_b0a2","leaseDurationSeconds":15,
            "renewTime":"2026-11-21T07:55:00.000000Z"}}"#;
        assert_eq!(Lease::decode(json).unwrap(), lease);
    }

    #[test]
    fn anything_else_is_told_apart() {
        let sealed = b"k8s:enc:aescbc:v1:key1:xyz";
        assert_eq!(Lease::decode(sealed), Err(LeaseError::Encrypted));
        let other = String::from_utf8_lossy(&stored()).replace("Lease", "Leash");
        assert_eq!(Lease::decode(other.as_bytes()), Err(LeaseError::Unreadable));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let _ = Lease::decode(&bytes);
            let mut damaged = stored();
            let at = at.index(damaged.len());
            damaged[at] = byte;
            let _ = Lease::decode(&damaged);
        }
    }
}
