//! Restores of real snapshots, compared with what etcd's own tool made of them.

use std::collections::BTreeMap;
use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::datadir::bolt::{Image, Writer};
use crate::datadir::{Founding, FoundingMember};
use crate::snapshot::HashKv;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");

/// Bucket, key, value.
type Contents = BTreeMap<(String, Vec<u8>), Vec<u8>>;

fn file(path: &str) -> Vec<u8> {
    std::fs::read(format!("{DATA}/{path}")).unwrap()
}

fn contents(bytes: &[u8]) -> Contents {
    let image = Image::open(bytes).unwrap();
    let mut contents = Contents::new();
    for bucket in &image.buckets().unwrap() {
        let name = String::from_utf8(bucket.name.clone()).unwrap();
        let mut entries = image.entries(bucket);
        while let Some(entry) = entries.next().unwrap() {
            contents.insert((name.clone(), entry.key.to_vec()), entry.value.to_vec());
        }
    }
    contents
}

fn founding(list: &str, token: &str) -> Founding {
    let members = list.split(',').map(|member| {
        let (name, url) = member.split_once('=').unwrap();
        (name.to_owned(), vec![url.to_owned()])
    });
    Founding::new(members, token).unwrap()
}

fn restored(snapshot: &[u8], edit: &Edit<'_>) -> (Vec<u8>, Rewritten) {
    let image = Image::open(snapshot).unwrap();
    let sink = Cursor::new(Vec::new());
    let (sink, rewritten) = rewrite(&image, edit, sink, &|_| true).unwrap();
    let bytes = sink.into_inner();
    let seen = survey(&image, &|_| true).unwrap();
    assert_eq!(rewritten.read, seen.content);
    let proven = prove(&Image::open(bytes.as_slice()).unwrap(), &rewritten, &|_| {
        true
    })
    .unwrap();
    let foretold = foretell_hash_kv(&image, edit.first_revision, &|_| true).unwrap();
    // Not everyone counts keys.
    let live_keys = proven.live_keys.and(foretold.live_keys);
    assert_eq!(
        HashKv {
            live_keys,
            ..foretold
        },
        proven
    );
    (bytes, rewritten)
}

/// The vectors of restores: what was restored how, and the official result.
fn vectors() -> Vec<serde_json::Value> {
    let vectors: Vec<_> = serde_json::from_slice(&file("restores/restores.json")).unwrap();
    assert_eq!(vectors.len(), 4);
    vectors
}

#[test]
fn databases_hold_what_etcds_own_tools_make() {
    for vector in vectors() {
        let text = |field: &str| vector[field].as_str().unwrap_or_default();
        let founding = founding(text("initial_cluster"), text("initial_cluster_token"));
        let ids = vector["member_ids"].as_object().unwrap();
        for (name, id) in ids {
            let member = founding.member(name).unwrap();
            assert_eq!(id.as_str().unwrap(), member.hex_id());
        }
        let edit = Edit {
            founding: &founding,
            first_revision: vector["new_latest_revision"].as_i64(),
        };
        let (bytes, _) = restored(&file(&format!("snapshots/{}", text("input"))), &edit);
        let mut ours = contents(&bytes);
        let mut theirs = contents(&file(&format!("restores/{}", text("db"))));
        let meta = |key: &str| ("meta".to_owned(), key.as_bytes().to_vec());
        // 3.5 and 3.6 leave the old one, 3.4 knows none of these.
        let voters = ours.remove(&meta("confState"));
        assert_eq!(voters, Some(founding.conf_state_json().into_bytes()));
        theirs.remove(&meta("confState"));
        if text("tool").contains("3.4") {
            assert_eq!(
                ours.remove(&meta("term")),
                Some(vec![0, 0, 0, 0, 0, 0, 0, 1])
            );
            // 3.4 leaves the old member and adds none: there they come from the .snap file.
            for contents in [&mut ours, &mut theirs] {
                contents.retain(|(bucket, _), _| bucket != "members");
            }
        }
        assert_eq!(ours, theirs, "{}", text("db"));
    }
}

#[test]
fn a_survey_tells_what_the_official_tool_does() {
    let vectors: Vec<serde_json::Value> =
        serde_json::from_slice(&file("snapshots/snapshots.json")).unwrap();
    for vector in vectors {
        let bytes = file(&format!("snapshots/{}", vector["file"].as_str().unwrap()));
        let found = survey(&Image::open(bytes).unwrap(), &|_| true).unwrap();
        let status = &vector["official_status"];
        assert_eq!(Some(u64::from(found.content)), status["hash"].as_u64());
        assert_eq!(Some(found.stored_revision), status["revision"].as_i64());
        assert_eq!(Some(found.image_bytes), status["totalSize"].as_u64());
        let live = vector["live_hashkv"]["current_revision"].as_i64();
        assert_eq!(Some(found.revision), live);
        let version = vector["etcd_version"].as_str().unwrap();
        let minor = version.rsplit_once('.').unwrap().0;
        assert_eq!(found.cluster_version, Some(format!("{minor}.0")));
        assert_eq!(found.storage_version.is_some(), minor == "3.6");
    }
}

/// Keys and values.
type Entries<'a> = &'a [(&'a [u8], &'a [u8])];

fn small(buckets: &[(&str, Entries<'_>)]) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), 4096).unwrap();
    for (name, entries) in buckets {
        writer.bucket(name.as_bytes(), 0).unwrap();
        for (key, value) in *entries {
            writer.put(key, value).unwrap();
        }
    }
    writer.finish().unwrap().0.into_inner()
}

#[test]
fn alarms_go_unknown_buckets_stay_and_missing_ones_come() {
    let alarm = prost::Message::encode_to_vec(&crate::datadir::schema::AlarmMember {
        member_id: 7,
        alarm: 1,
    });
    let snapshot = small(&[
        ("alarm", &[(&alarm, b"")]),
        ("key", &[]),
        ("meta", &[(b"consistent_index", &[0; 8]), (b"zzz", b"kept")]),
        ("mine", &[(b"a", b"b")]),
    ]);
    let seen = survey(&Image::open(snapshot.as_slice()).unwrap(), &|_| true).unwrap();
    assert_eq!((seen.revision, seen.alarms.len()), (1, 1));
    let founding = founding("a=http://a:1", "t");
    let edit = Edit {
        founding: &founding,
        first_revision: None,
    };
    let (bytes, _) = restored(&snapshot, &edit);
    let names: Vec<_> = Image::open(bytes.as_slice())
        .unwrap()
        .buckets()
        .unwrap()
        .into_iter()
        .map(|bucket| String::from_utf8(bucket.name).unwrap())
        .collect();
    let expected =
        "alarm auth authRoles authUsers cluster key lease members members_removed meta mine";
    assert_eq!(names.join(" "), expected);
    let contents = contents(&bytes);
    let get = |bucket: &str, key: &str| contents.get(&(bucket.to_owned(), key.into()));
    assert_eq!(get("mine", "a"), Some(&b"b".to_vec()));
    assert_eq!(get("meta", "zzz"), Some(&b"kept".to_vec()));
    assert_eq!(
        contents
            .keys()
            .filter(|(bucket, _)| bucket == "alarm")
            .count(),
        0
    );
    let member = founding.members().first().map(FoundingMember::hex_id);
    assert!(get("members", &member.unwrap()).is_some());
}

#[test]
fn what_verify_finds_wrong_is_named_with_its_place() {
    let found = |bytes: Vec<u8>| {
        let found = survey(&Image::open(bytes).unwrap(), &|_| true);
        found.unwrap_err().to_string()
    };
    let other = small(&[("key", &[])]);
    assert_eq!(found(other), "there is no bucket meta");
    let bad = small(&[("key", &[(b"x", b"")]), ("meta", &[])]);
    let expected = "bucket key, byte 8275: no revision: 1 bytes, expected 17 or 18";
    assert_eq!(found(bad), expected);
    let mark: Entries<'_> = &[(b"finishedCompactRev", b"short")];
    let bad = small(&[("key", &[]), ("meta", mark)]);
    assert!(found(bad).starts_with("bucket meta, byte "));
}

#[test]
fn a_change_of_one_bit_in_what_was_written_is_noticed() {
    let snapshot = file("snapshots/etcd-3.5-auth.snapshot.db");
    let founding = founding("a=http://a:1", "t");
    let edit = Edit {
        founding: &founding,
        first_revision: None,
    };
    let (mut bytes, rewritten) = restored(&snapshot, &edit);
    let run = bytes.windows(64).position(|run| run == [b'A'; 64]).unwrap();
    bytes[run + 20] ^= 1;
    let found = prove(&Image::open(bytes).unwrap(), &rewritten, &|_| true);
    assert!(matches!(found, Err(RestoreError::Differs { .. })));
}

#[test]
fn a_watch_ends_the_work() {
    let value = vec![1; 3 << 20];
    let key = crate::datadir::schema::RevisionKey {
        main: 2,
        sub: 0,
        is_tombstone: false,
    };
    let snapshot = small(&[("key", &[(&key.encode(), &value)]), ("meta", &[])]);
    let image = Image::open(snapshot).unwrap();
    let found = survey(&image, &|_| false);
    assert!(matches!(found, Err(RestoreError::Interrupted)));
}

proptest! {
    #[test]
    fn damaged_snapshots_never_panic(place in 0..36_864usize, byte in any::<u8>()) {
        let mut snapshot = file("snapshots/etcd-3.5-auth.snapshot.db");
        snapshot[place] = byte;
        if let Ok(image) = Image::open(snapshot) {
            let _ = survey(&image, &|_| true);
            let founding = founding("a=http://a:1", "t");
            let edit = Edit { founding: &founding, first_revision: Some(i64::MAX) };
            let _ = rewrite(&image, &edit, Cursor::new(Vec::new()), &|_| true);
        }
    }
}
