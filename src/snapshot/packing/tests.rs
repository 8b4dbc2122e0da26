//! What is packed unpacks to itself; what was changed is noticed.

use std::io::Cursor;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

fn keys() -> (Recipient, Identities) {
    let (identities, text) = Identities::generate().unwrap();
    assert!(text.starts_with("AGE-SECRET-KEY-1"));
    let recipient = identities.recipients()[0];
    assert_eq!(recipient.to_string().parse(), Ok(recipient));
    (recipient, identities)
}

fn packed(plain: &[u8], packing: &Packing) -> Vec<u8> {
    let mut stored = Vec::new();
    let told = pack(plain, plain.len() as u64, &mut stored, packing, || true).unwrap();
    assert_eq!(told.bytes, stored.len() as u64);
    assert_eq!(told.sha256.as_slice(), Sha256::digest(&stored).as_slice());
    assert!(told.bytes <= packing.at_most(plain.len() as u64));
    stored
}

fn unpacked(stored: &[u8], identities: Option<&Identities>) -> Result<Vec<u8>, UnpackError> {
    let mut plain = Vec::new();
    unpack(stored, identities, 1 << 30, &mut plain, |_| true).map(|told| {
        assert_eq!(told.bytes, plain.len() as u64);
        plain
    })
}

fn packings(recipient: &Recipient) -> Vec<Packing> {
    let compressions = [
        None,
        Some(Compression::Zstd(1)),
        Some(Compression::Zstd(19)),
        Some(Compression::Gzip(6)),
    ];
    let recipients = [vec![], vec![*recipient]];
    compressions
        .into_iter()
        .flat_map(|compression| {
            recipients.clone().map(|recipients| Packing {
                compression,
                recipients,
            })
        })
        .collect()
}

/// Begins as a database does, and is compressible in parts.
fn plain(noise: &[u8], repeats: usize) -> Vec<u8> {
    let mut plain = vec![0; 8];
    for _ in 0..repeats {
        plain.extend_from_slice(noise);
    }
    plain
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_packed_unpacks_to_itself(
        noise in proptest::collection::vec(any::<u8>(), 0..70_000),
        repeats in 1usize..8,
    ) {
        let (recipient, identities) = keys();
        let plain = plain(&noise, repeats);
        for packing in packings(&recipient) {
            let stored = packed(&plain, &packing);
            prop_assert_eq!(&unpacked(&stored, Some(&identities)).unwrap(), &plain);
        }
    }

    #[test]
    fn a_flipped_bit_or_an_early_end_is_noticed(
        noise in proptest::collection::vec(any::<u8>(), 1..9_000),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (recipient, identities) = keys();
        let plain = plain(&noise, 3);
        for packing in packings(&recipient).iter().filter(|packing| !packing.is_plain()) {
            let stored = packed(&plain, packing);
            let at = at.index(stored.len());
            let mut flipped = stored.clone();
            flipped[at] ^= 1 << bit;
            // gzip's header has a time and a system that say nothing about the contents.
            if let Ok(found) = unpacked(&flipped, Some(&identities)) {
                prop_assert!(found == plain || recognise(&flipped).is_none());
            }
            let cut = unpacked(&stored[..at], Some(&identities));
            prop_assert!(cut.is_err() || recognise(&stored[..at]).is_none());
        }
    }

    #[test]
    fn no_bytes_panic(
        layer in prop::sample::select(vec![&b""[..], b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08", b"age-encryption.org/v1\n"]),
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let (_, identities) = keys();
        let _ = unpacked(&[layer, &bytes].concat(), Some(&identities));
    }
}

#[test]
fn who_may_not_read_is_told() {
    let (recipient, _) = keys();
    let (_, stranger) = keys();
    let packing = Packing {
        compression: None,
        recipients: vec![recipient],
    };
    let stored = packed(b"secret", &packing);
    assert!(matches!(
        unpacked(&stored, None),
        Err(UnpackError::NoIdentity)
    ));
    let error = unpacked(&stored, Some(&stranger)).unwrap_err();
    let whose = stranger.recipients()[0].to_string();
    assert!(error.to_string().contains(&whose), "{error}");
    assert!(!error.is_damage());
}

#[test]
fn a_bomb_is_bounded() {
    let bomb = packed(
        &vec![0; 8 << 20],
        &Packing {
            compression: Some(Compression::Zstd(19)),
            recipients: vec![],
        },
    );
    assert!(bomb.len() < 8192, "{}", bomb.len());
    let mut plain = Vec::new();
    let error = unpack(&bomb[..], None, 1 << 20, &mut plain, |_| true).unwrap_err();
    assert_eq!(error.to_string(), "it holds more than 1048576 bytes");
    assert!(plain.len() <= 1 << 20);
    // One that wraps itself: ten times gzip.
    let mut wrapped = vec![0; 8];
    for _ in 0..10 {
        let mut next = Vec::new();
        let packing = Packing {
            compression: Some(Compression::Gzip(1)),
            recipients: vec![],
        };
        pack(
            &wrapped[..],
            wrapped.len() as u64,
            &mut next,
            &packing,
            || true,
        )
        .unwrap();
        wrapped = next;
    }
    assert!(matches!(
        unpacked(&wrapped, None),
        Err(UnpackError::TooDeep)
    ));
}

#[test]
fn a_file_that_fails_is_not_blamed_on_its_contents() {
    struct Failing(Cursor<Vec<u8>>);
    impl std::io::Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(std::io::Error::other("bad sector")),
                count => Ok(count),
            }
        }
    }
    let packing = Packing {
        compression: Some(Compression::Zstd(3)),
        recipients: vec![],
    };
    let mut stored = packed(&plain(b"0123456789", 1000), &packing);
    stored.truncate(stored.len() / 2);
    let error = unpack(
        Failing(Cursor::new(stored)),
        None,
        1 << 20,
        Vec::new(),
        |_| true,
    );
    assert!(matches!(error.unwrap_err(), UnpackError::Read(_)));
}

#[test]
fn compressions_read_as_they_are_written() {
    for text in ["zstd:3", "gzip:6", "zstd:19"] {
        assert_eq!(text.parse::<Compression>().unwrap().to_string(), text);
    }
    assert_eq!("zstd".parse(), Ok(Compression::Zstd(3)));
    for text in ["", "xz", "zstd:", "zstd:0", "zstd:20", "gzip:10", "gzip:-1"] {
        assert_eq!(text.parse::<Compression>(), Err(CompressionError), "{text}");
    }
}

#[test]
fn files_of_keys_have_comments_and_secrets_are_not_repeated() {
    let (recipient, identities) = keys();
    let text = format!("# who\n\n  {recipient}  \n{recipient}\n");
    assert_eq!(recipients(&text).unwrap(), [recipient, recipient]);
    let error = recipients("# nobody\n").unwrap_err().to_string();
    assert!(error.contains("no recipient"), "{error}");
    let error = recipients("#\nage1nope").unwrap_err().to_string();
    assert!(error.starts_with("line 2: "), "{error}");
    let error = "AGE-SECRET-KEY-1QQ".parse::<Recipient>().unwrap_err();
    assert!(!error.to_string().contains("1QQ"), "{error}");
    assert!(!format!("{identities:?}").contains("SECRET"));
    let text = "# none\nAGE-SECRET-KEY-1QQ\n";
    assert_eq!(Identities::parse(text).unwrap_err(), IdentityError::Line(2));
}

#[test]
fn names_of_packed_snapshots_are_known() {
    for name in ["a.db", "a.db.zst", "a.db.gz", "a.db.age", "a.db.zst.age"] {
        assert!(is_ending(name), "{name}");
    }
    for name in ["a.zst", "a.db.age.zst", "a.db.json", "a.dbx", "age"] {
        assert!(!is_ending(name), "{name}");
    }
}
