//! Any bytes, whole and cut anywhere, give the same messages and the same end; nothing panics.
//!
//! Random bytes never get past two checksums: the second half of the target writes them in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sagewire_core::eventstream::{Decoder, parse_headers};

type Seen = (Vec<(Vec<u8>, Vec<u8>, bool)>, Option<String>, usize);

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Seen {
    let mut decoder = Decoder::default();
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        for message in decoder.ready() {
            assert!(parse_headers(message.headers).is_ok(), "unsound headers were given out");
            messages.push((message.headers.to_vec(), message.payload.to_vec(), message.is_part));
        }
    }
    let failure = decoder.failure().map(|error| format!("{error:?}"));
    let unfinished = if failure.is_none() { decoder.unfinished() } else { 0 };
    (messages, failure, unfinished)
}

/// Puts the checksums right, message after message, as far as the lengths make sense.
fn with_right_checksums(data: &[u8]) -> Vec<u8> {
    let mut out = data.to_vec();
    let mut start = 0;
    while let Some(prelude) = out.get(start..start + 12) {
        let total = u32::from_be_bytes([prelude[0], prelude[1], prelude[2], prelude[3]]) as usize;
        let crc = crc32fast::hash(&prelude[..8]);
        out[start + 8..start + 12].copy_from_slice(&crc.to_be_bytes());
        if total < 16 || out.len() - start < total {
            break;
        }
        let end = start + total;
        let crc = crc32fast::hash(&out[start..end - 4]);
        out[end - 4..end].copy_from_slice(&crc.to_be_bytes());
        start = end;
    }
    out
}

fuzz_target!(|data: &[u8]| {
    for bytes in [data.to_vec(), with_right_checksums(data)] {
        let whole = decode([bytes.as_slice()]);
        assert_eq!(whole, decode(bytes.chunks(1)), "cut at every byte");
        let middle = bytes.first().map_or(0, |byte| usize::from(*byte)) % (bytes.len() + 1);
        let (first, second) = bytes.split_at(middle);
        assert_eq!(whole, decode([first, second]), "cut at {middle}");
    }
});
