//! Writes fields of protobuf messages one by one: etcd's old messages write zeros too, which an
//! ordinary encoder leaves out, and restored files are to be the same byte for byte.

use prost::encoding::{WireType, encode_key, encode_varint};

/// Appends a number, also where it is 0.
pub(super) fn put_number(message: &mut Vec<u8>, field: u32, number: u64) {
    encode_key(field, WireType::Varint, message);
    encode_varint(number, message);
}

/// Appends bytes, text or a message.
pub(super) fn put_bytes(message: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    encode_key(field, WireType::LengthDelimited, message);
    encode_varint(bytes.len() as u64, message);
    message.extend_from_slice(bytes);
}
