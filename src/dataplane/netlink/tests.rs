//! The codec against itself and against bytes of any kind.

use proptest::prelude::*;

use super::message::{Answer, Messages, Request};
use super::{Attributes, Encoder, Malformed};

/// A tree of attributes, as messages hold it.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Leaf(Vec<u8>),
    Nest(Vec<(u16, Tree)>),
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop::collection::vec(any::<u8>(), 0..40).prop_map(Tree::Leaf);
    leaf.prop_recursive(4, 60, 6, |inner| {
        prop::collection::vec((0..0x3fff_u16, inner), 0..6).prop_map(Tree::Nest)
    })
}

fn encode(encoder: Encoder, kind: u16, tree: &Tree) -> Encoder {
    match tree {
        Tree::Leaf(bytes) => encoder.bytes(kind, bytes),
        Tree::Nest(children) => encoder.nested(kind, |mut encoder| {
            for (kind, child) in children {
                encoder = encode(encoder, *kind, child);
            }
            encoder
        }),
    }
}

/// Reads with the shape of `like`, since bytes do not tell what is nested.
fn decode(data: &[u8], like: &Tree) -> Result<Tree, Malformed> {
    let Tree::Nest(children) = like else {
        return Ok(Tree::Leaf(data.to_vec()));
    };
    let mut read = Vec::new();
    for (attribute, (_, like)) in Attributes::new(data).zip(children) {
        let attribute = attribute?;
        read.push((attribute.kind, decode(attribute.data, like)?));
    }
    Ok(Tree::Nest(read))
}

/// Reads everything there is in some bytes, nested or not.
fn read_all(bytes: &[u8], depth: usize) {
    for attribute in Attributes::new(bytes) {
        let Ok(attribute) = attribute else { return };
        assert!(attribute.data.len() < bytes.len());
        let _ = (
            attribute.u8(),
            attribute.u16(),
            attribute.u32(),
            attribute.u64(),
        );
        let _ = (
            attribute.be16(),
            attribute.be32(),
            attribute.text(),
            attribute.ip(),
        );
        if depth > 0 {
            read_all(attribute.data, depth - 1);
        }
    }
}

proptest! {
    #[test]
    fn what_is_encoded_reads_back(kind in 0..0x3fff_u16, tree in tree(), sequence: u32) {
        let request = Request { kind: 20, flags: 4, body: encode(Encoder::new(), kind, &tree) };
        let bytes = request.encode(sequence).unwrap();
        let messages: Vec<_> = Messages::new(&bytes).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(messages.len(), 1);
        prop_assert_eq!((messages[0].kind, messages[0].flags, messages[0].sequence), (20, 5, sequence));
        let mut attributes = Attributes::new(messages[0].body);
        let attribute = attributes.next().unwrap().unwrap();
        prop_assert!(attributes.next().is_none());
        prop_assert_eq!(attribute.kind, kind);
        prop_assert_eq!(decode(attribute.data, &tree).unwrap(), tree);
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes, 4);
        let mut whole = 0;
        for message in Messages::new(&bytes) {
            let Ok(message) = message else { break };
            whole += 16 + message.body.len();
            let _ = message.answer();
            read_all(message.body, 4);
        }
        prop_assert!(whole <= bytes.len());
    }
}

/// An error as the kernel sends it: the number, the echoed header, and what it says.
fn error(errno: i32, flags: u16, echo: &[u8], attributes: Encoder) -> Vec<u8> {
    let mut body = errno.to_ne_bytes().to_vec();
    body.extend_from_slice(echo);
    body.extend(attributes.finish().unwrap());
    let request = Request {
        kind: 2,
        flags,
        body: Encoder::new().raw(&body),
    };
    request.encode(7).unwrap()
}

#[test]
fn the_kernels_words_are_found_behind_the_echo() {
    let echo = Request {
        kind: 33,
        flags: 0,
        body: Encoder::new().text(1, "echoed"),
    };
    let echo = echo.encode(7).unwrap();
    let said = || Encoder::new().text(1, "Invalid source address").u32(2, 52);
    // NLM_F_ACK_TLVS, then the same with NLM_F_CAPPED.
    for (flags, echo) in [(0x200, &echo[..]), (0x300, &echo[..16])] {
        let bytes = error(-22, flags, echo, said());
        let message = Messages::new(&bytes).next().unwrap().unwrap();
        let Answer::Refused(refusal) = message.answer().unwrap() else {
            panic!("no refusal");
        };
        assert_eq!((refusal.errno, refusal.offset), (22, Some(52)));
        assert_eq!(refusal.text.as_deref(), Some("Invalid source address"));
    }
    let bytes = error(0, 0, &echo, Encoder::new());
    let message = Messages::new(&bytes).next().unwrap().unwrap();
    assert_eq!(message.answer().unwrap(), Answer::Done);
}

#[test]
fn what_does_not_fit_is_not_sent() {
    let long = vec![0; 70_000];
    assert_eq!(Encoder::new().bytes(1, &long).finish(), None);
    let request = Request {
        kind: 16,
        flags: 0,
        body: Encoder::new().nested(1, |inside| inside.bytes(2, &long)),
    };
    assert_eq!(request.encode(1), None);
}
