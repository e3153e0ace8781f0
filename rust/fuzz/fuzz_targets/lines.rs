//! Lines are the same however the bytes are cut, and nothing of them is lost.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sagewire_core::eventstream::Lines;

fn lines<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut splitter = Lines::default();
    let mut out = Vec::new();
    for piece in pieces {
        splitter.feed(piece, |line| out.push(line.to_vec()));
    }
    out.extend(splitter.finish());
    out
}

fuzz_target!(|data: &[u8]| {
    let whole = lines([data]);
    assert_eq!(whole, lines(data.chunks(1)));
    assert_eq!(whole, lines(data.chunks(3)));
    let kept: usize = whole.iter().map(Vec::len).sum();
    let ends = data.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    assert_eq!(kept + ends, data.len());
});
