//! A member as the bucket `members` and the WAL's conf changes describe it.
//!
//! Format: etcd's `server/etcdserver/api/membership/member.go` and Go's `encoding/json`. The key is the id in lower-case hex
//! without leading zeros.

use serde::Deserialize;

use super::super::go_json;

/// A member, in the order of fields that etcd writes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MemberJson {
    /// Its id. A 64-bit number that no float may touch.
    pub id: u64,
    /// Where other members reach it.
    #[serde(rename = "peerURLs", default, deserialize_with = "list")]
    pub peer_urls: Vec<String>,
    /// True for a learner.
    #[serde(rename = "isLearner", default)]
    pub is_learner: bool,
    /// Its name; empty until it has started.
    #[serde(default)]
    pub name: String,
    /// Where clients reach it; empty until it has started.
    #[serde(rename = "clientURLs", default, deserialize_with = "list")]
    pub client_urls: Vec<String>,
}

/// Text that describes no member.
#[derive(Debug, thiserror::Error)]
#[error("no member: {0}")]
pub struct MemberJsonError(#[from] serde_json::Error);

impl MemberJson {
    /// Reads what etcd has written.
    ///
    /// # Errors
    /// Where it is no JSON, or of another shape.
    pub fn parse(bytes: &[u8]) -> Result<Self, MemberJsonError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The text that etcd would write.
    pub fn encode(&self) -> String {
        let mut text = format!(
            r#"{{"id":{},"peerURLs":{}"#,
            self.id,
            go_json::strings(&self.peer_urls)
        );
        if self.is_learner {
            text.push_str(r#","isLearner":true"#);
        }
        if !self.name.is_empty() {
            text.push_str(r#","name":"#);
            text.push_str(&go_json::string(&self.name));
        }
        if !self.client_urls.is_empty() {
            text.push_str(r#","clientURLs":"#);
            text.push_str(&go_json::strings(&self.client_urls));
        }
        text.push('}');
        text
    }
}

/// Go writes a list that was never made as `null`.
fn list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The key of a member in `members` and `members_removed`.
pub fn member_key(id: u64) -> String {
    format!("{id:x}")
}

/// The id that a key stands for; `None` where it is not one that etcd writes.
pub fn parse_member_key(key: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(key).ok()?;
    let id = u64::from_str_radix(text, 16).ok()?;
    (member_key(id) == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_are_written_as_etcd_writes_them() {
        let mut member = MemberJson {
            id: 13_680_003_332_282_135_948,
            peer_urls: vec!["http://127.0.0.1:7380".to_owned()],
            is_learner: false,
            name: "m1".to_owned(),
            client_urls: Vec::new(),
        };
        let text =
            r#"{"id":13680003332282135948,"peerURLs":["http://127.0.0.1:7380"],"name":"m1"}"#;
        assert_eq!(member.encode(), text);
        assert_eq!(MemberJson::parse(text.as_bytes()).unwrap(), member);
        member.is_learner = true;
        member.name = "a<b>&c".to_owned();
        let text = r#"{"id":13680003332282135948,"peerURLs":["http://127.0.0.1:7380"],"isLearner":true,"name":"a\u003cb\u003e\u0026c"}"#;
        assert_eq!(member.encode(), text);
    }

    #[test]
    fn ids_have_no_leading_zeros() {
        assert_eq!(member_key(0x18b_5c9f_7562_e750), "18b5c9f7562e750");
        assert_eq!(
            parse_member_key(b"18b5c9f7562e750"),
            Some(0x18b_5c9f_7562_e750)
        );
        for wrong in ["018b5c9f7562e750", "18B5", "", "+1", "11111111111111111"] {
            assert_eq!(parse_member_key(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            id: u64, peer_urls: Vec<String>, is_learner: bool, name: String, client_urls: Vec<String>,
        ) {
            let member = MemberJson { id, peer_urls, is_learner, name, client_urls };
            prop_assert_eq!(MemberJson::parse(member.encode().as_bytes()).unwrap(), member);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = MemberJson::parse(&bytes);
            let _ = parse_member_key(&bytes);
        }
    }
}
