//! Event-stream messages: the AWS test vectors, every cut, and every changed byte.
//!
//! The vectors lie beside the checkout (`../shared/vectors`, or where `SAGEWIRE_VECTORS` says). They
//! are not part of a clone; without them the test says so and passes.

use std::io::Write;
use std::path::PathBuf;
use std::{env, fs, io};

use proptest::prelude::*;
use sagewire_core::eventstream::{
    Decoder, HeaderValue, encode_error, encode_exception, encode_headers, encode_message,
    encode_part, parse_headers,
};
use serde_json::Value;

/// Everything that can be seen of a stream: its messages, and what ended it.
fn seen<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<String>, usize) {
    let mut decoder = Decoder::default();
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        for message in decoder.ready() {
            let headers = parse_headers(message.headers).expect("checked before");
            let text = format!("{headers:?} {:?} {}", message.payload, message.is_part);
            messages.push(text.into_bytes());
        }
    }
    let failure = decoder.failure().map(|failure| format!("{failure:?}"));
    let unfinished = if failure.is_some() { 0 } else { decoder.unfinished() };
    (messages, failure, unfinished)
}

fn decoded_base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for character in text.bytes().filter(|byte| *byte != b'=') {
        let value = alphabet.iter().position(|known| *known == character).expect("Base64");
        bits = (bits << 6) | u32::try_from(value).expect("below 64");
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_be_bytes()[3]);
            bits &= (1 << count) - 1;
        }
    }
    bytes
}

#[test]
fn the_vectors() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let folder = env::var_os("SAGEWIRE_VECTORS").map_or_else(|| beside.into(), PathBuf::from);
    let Ok(text) = fs::read_to_string(folder.join("eventstream_frames.jsonl")) else {
        // Past the test harness, which keeps what passing tests print to itself.
        let note = format!("not run: {} is not part of a clone\n", folder.display());
        let _ = io::stderr().write_all(note.as_bytes());
        return;
    };
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let frame = decoded_base64(case["frame"]["b64"].as_str().expect("a text"));
        let (messages, failure, unfinished) = seen([&frame[..]]);
        if case["valid"].as_bool().expect("a flag") {
            assert_eq!((messages.len(), failure, unfinished), (1, None, 0), "{}", case["id"]);
        } else {
            assert!(messages.is_empty() && failure.is_some(), "{}", case["id"]);
        }
        assert_eq!(seen(frame.chunks(1)), seen([&frame[..]]), "{}", case["id"]);
    }
}

fn a_stream() -> Vec<u8> {
    let headers =
        [("n", HeaderValue::Integer { bytes: 4, value: -5 }), ("u", HeaderValue::Uuid(&[3; 16]))];
    [
        encode_part(b"hello ").expect("short"),
        encode_message(&headers, b"").expect("short"),
        encode_part(b"").expect("short"),
        encode_exception("ModelStreamError", b"{\"Message\":\"m\"}").expect("short"),
        encode_error("code", "words").expect("short"),
    ]
    .concat()
}

#[test]
fn a_stream_cut_anywhere_is_the_same_stream() {
    let stream = a_stream();
    let whole = seen([&stream[..]]);
    assert_eq!(whole.0.len(), 5);
    let mut already = 0;
    for cut in 0..=stream.len() {
        let (first, second) = stream.split_at(cut);
        assert_eq!(seen([first, second]), whole, "{cut}");
        let (messages, failure, unfinished) = seen([first]);
        assert_eq!(messages, whole.0[..messages.len()], "{cut}");
        assert_eq!(failure, None);
        let boundary = messages.len() > already || cut == 0;
        assert_eq!(unfinished == 0, boundary, "{cut}");
        already = messages.len();
    }
}

/// Puts the checksums right where the lengths allow it.
fn with_checksums(mut message: Vec<u8>) -> Vec<u8> {
    if message.len() >= 16 {
        let checksum = crc32fast::hash(&message[..8]);
        message[8..12].copy_from_slice(&checksum.to_be_bytes());
        let end = message.len() - 4;
        let checksum = crc32fast::hash(&message[..end]);
        message[end..].copy_from_slice(&checksum.to_be_bytes());
    }
    message
}

#[test]
fn a_changed_byte_is_noticed_and_past_the_checksums_it_is_survived() {
    let message = encode_exception("ModelStreamError", b"{}").expect("short");
    for place in 0..message.len() {
        for change in [1, 0x80, 0xff] {
            let mut changed = message.clone();
            changed[place] ^= change;
            let (messages, failure, _) = seen([&changed[..]]);
            assert!(messages.is_empty() && failure.is_some(), "{place}");
            let changed = with_checksums(changed);
            assert_eq!(seen(changed.chunks(1)), seen([&changed[..]]), "{place}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_headers_are_survived(headers in proptest::collection::vec(any::<u8>(), 0..60), payload in proptest::collection::vec(any::<u8>(), 0..9)) {
        let total = u32::try_from(16 + headers.len() + payload.len()).expect("short");
        let length = u32::try_from(headers.len()).expect("short");
        let message = [&total.to_be_bytes()[..], &length.to_be_bytes(), &[0; 4], &headers, &payload, &[0; 4]].concat();
        let message = with_checksums(message);
        let whole = seen([&message[..]]);
        prop_assert_eq!(whole.0.len() + usize::from(whole.1.is_some()), 1);
        prop_assert_eq!(whole.1.is_some(), parse_headers(&headers).is_err());
        prop_assert_eq!(seen(message.chunks(1)), whole);
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        prop_assert_eq!(seen(bytes.chunks(1)), seen([&bytes[..]]));
    }

    #[test]
    fn what_is_written_is_read(text in ".{0,20}", number: i64, payload in proptest::collection::vec(any::<u8>(), 0..50)) {
        let headers = [("t", HeaderValue::Text(&text)), ("d", HeaderValue::Timestamp(number))];
        let message = encode_message(&headers, &payload).expect("short");
        let mut decoder = Decoder::default();
        decoder.feed(&message);
        let read: Vec<_> = decoder.ready().collect();
        prop_assert_eq!(read.len(), 1);
        prop_assert_eq!(read[0].payload, &payload[..]);
        prop_assert_eq!(parse_headers(read[0].headers).expect("sound"), headers);
        prop_assert_eq!(read[0].headers, encode_headers(&headers).expect("short"));
    }
}
