//! The two state machines, turned without a socket: however the bytes are cut, the outcome is one.

use proptest::prelude::*;

use super::body::{BadFraming, Framing, Piece};
use super::head::{BadHead, HeadScanner, ResponseHead};

/// What a driver makes of an answer whose bytes arrive in these pieces, and then end.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    NoHead,
    CutHead,
    Answer { head: ResponseHead, body: Vec<u8>, end: End },
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The body is over; so many bytes stand behind it.
    Over(usize),
    /// The connection's end is the body's.
    Closed,
    Cut,
    Bad(BadFraming),
}

fn turn<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, most: usize) -> Outcome {
    let mut pieces = pieces.into_iter();
    let mut arrived: Vec<u8> = Vec::new();
    let mut scanner = HeadScanner::default();
    let head = loop {
        match scanner.scan(&arrived) {
            Err(BadHead) => return Outcome::NoHead,
            Ok(Some(length)) => {
                let Ok(head) = ResponseHead::parse(&arrived[..length]) else {
                    return Outcome::NoHead;
                };
                arrived.drain(..length);
                break head;
            }
            Ok(None) => match pieces.next() {
                Some(piece) => arrived.extend_from_slice(piece),
                None => return Outcome::CutHead,
            },
        }
    };
    let mut framing = Framing::of(&head);
    let mut body = Vec::new();
    let end = loop {
        match framing.next(&arrived, most) {
            Ok(Piece::End) => {
                let behind: usize = pieces.map(<[u8]>::len).sum();
                break End::Over(arrived.len() + behind);
            }
            Ok(Piece::Data(count)) => body.extend(arrived.drain(..count)),
            Ok(Piece::Framing(count)) => drop(arrived.drain(..count)),
            Ok(Piece::Incomplete) => match pieces.next() {
                Some(piece) => arrived.extend_from_slice(piece),
                None if framing.ends_with_connection() => break End::Closed,
                None => break End::Cut,
            },
            Err(bad) => break End::Bad(bad),
        }
    };
    Outcome::Answer { head, body, end }
}

fn whole(raw: &[u8]) -> Outcome {
    turn([raw], usize::MAX)
}

fn hold_one_outcome(raw: &[u8]) {
    let expected = whole(raw);
    assert_eq!(turn(raw.chunks(1), usize::MAX), expected, "byte by byte: {raw:?}");
    assert_eq!(turn([raw], 1), expected, "asked for byte by byte: {raw:?}");
}

fn body_of(raw: &[u8]) -> (Vec<u8>, End) {
    match whole(raw) {
        Outcome::Answer { body, end, .. } => (body, end),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_framing_ends_where_it_says() {
    let cases: [(&[u8], &[u8], End); 6] = [
        (b"Content-Length: 5\r\n\r\nhello++", b"hello", End::Over(2)),
        (b"Content-Length: 5\r\n\r\nhel", b"hel", End::Cut),
        (b"\r\nto the end", b"to the end", End::Closed),
        (
            b"Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: 1\r\n\r\n+",
            b"abc",
            End::Over(1),
        ),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", b"abc", End::Closed),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0", b"abc", End::Cut),
    ];
    for (rest, body, end) in cases {
        let raw = [b"HTTP/1.1 200 OK\r\n", rest].concat();
        assert_eq!(body_of(&raw), (body.to_vec(), end));
        hold_one_outcome(&raw);
    }
}

#[test]
fn bad_sizes_are_told() {
    for size in ["", "x", "-1", "5_", "0x", "7fffffffffffffff", "ffffffffffffffffffff"] {
        let raw = format!("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n{size}\r\nx");
        assert_eq!(body_of(raw.as_bytes()).1, End::Bad(BadFraming::Size), "{size:?}");
        hold_one_outcome(raw.as_bytes());
    }
}

#[test]
fn a_cut_anywhere_in_a_head_is_no_head() {
    let raw = b"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\nContent-Length: 0\r\n\r\n";
    for end in 0..raw.len() {
        assert_eq!(whole(&raw[..end]), Outcome::CutHead, "{end}");
    }
    assert!(matches!(whole(raw), Outcome::Answer { .. }));
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"Content-Length: 7".to_vec()),
        Just(b"Transfer-Encoding: chunked".to_vec()),
        Just(b"Connection: close".to_vec()),
        Just(b" folded".to_vec()),
        Just(b"no colon".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..16),
    ]
}

fn answer() -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![
        Just(b"HTTP/1.1 200 OK".to_vec()),
        Just(b"HTTP/1.0 204 x".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    let body = prop_oneof![
        Just(b"5\r\nhello\r\n0\r\nT: 1\r\n\r\nbehind".to_vec()),
        Just(b"a;x=y\n0123456789\r\n0\n\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..64),
    ];
    (start, proptest::collection::vec(line(), 0..5), any::<bool>(), body).prop_map(
        |(start, lines, bare, body)| {
            let end: &[u8] = if bare { b"\n" } else { b"\r\n" };
            let mut raw = start;
            for line in lines.iter().map(Vec::as_slice).chain([&b""[..]]) {
                raw.extend_from_slice(end);
                raw.extend_from_slice(line);
            }
            raw.extend_from_slice(end);
            raw.extend_from_slice(&body);
            raw
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_bytes_have_one_outcome(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
        hold_one_outcome(&raw);
    }

    #[test]
    fn any_answer_has_one_outcome(raw in answer(), cut in any::<prop::sample::Index>()) {
        hold_one_outcome(&raw);
        let cut = cut.index(raw.len() + 1);
        let (first, second) = raw.split_at(cut);
        prop_assert_eq!(turn([first, second], 3), whole(&raw));
    }
}
