//! Whole lines out of payloads that are cut anywhere.

/// Splits at `\n`, `\r\n` and `\r`, nothing else; line ends are not part of the lines.
///
/// A line is given out as soon as its end is here. The `\n` that may follow a `\r` in the next piece
/// belongs to the same end.
#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of a line whose end has not arrived.
    held: Vec<u8>,
    after_return: bool,
}

impl Lines {
    /// Takes a piece and hands out the lines that it ends.
    pub fn feed<'a>(&mut self, mut piece: &'a [u8], mut give: impl FnMut(&[u8])) {
        if self.after_return && !piece.is_empty() {
            self.after_return = false;
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', piece) {
            let (line, rest): (&'a [u8], &'a [u8]) = piece.split_at(end);
            if self.held.is_empty() {
                give(line);
            } else {
                self.held.extend_from_slice(line);
                give(&self.held);
                self.held.clear();
            }
            piece = match rest {
                [b'\r'] => {
                    self.after_return = true;
                    b""
                }
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => b"",
            };
        }
        self.held.extend_from_slice(piece);
    }

    /// The last line, where the stream ended without a line end.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        self.after_return = false;
        let last = std::mem::take(&mut self.held);
        (!last.is_empty()).then_some(last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Lines;

    fn split<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        for piece in pieces {
            lines.feed(piece, |line| out.push(line.to_vec()));
        }
        out.extend(lines.finish());
        out
    }

    #[test]
    fn each_end_ends_one_line() {
        let whole = b"a\nb\r\nc\r\r\nd\n\n\xe2\x80\xa8e";
        let wanted: [&[u8]; 7] = [b"a", b"b", b"c", b"", b"d", b"", b"\xe2\x80\xa8e"];
        assert_eq!(split([&whole[..]]), wanted);
        assert_eq!(split(whole.chunks(1)), wanted);
        assert!(split([&b""[..]]).is_empty());
    }

    #[test]
    fn a_line_is_given_as_soon_as_its_end_is_here() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        lines.feed(b"a\r", |line| seen.push(line.to_vec()));
        assert_eq!(seen, [b"a"]);
        lines.feed(b"", |line| seen.push(line.to_vec()));
        lines.feed(b"\nb\n", |line| seen.push(line.to_vec()));
        assert_eq!(seen, [b"a", b"b"]);
        assert_eq!(lines.finish(), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_cuts_do_not_matter(
            whole in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..60),
            cut in any::<prop::sample::Index>(),
        ) {
            let (first, second) = whole.split_at(cut.index(whole.len() + 1));
            let wanted = split([&whole[..]]);
            prop_assert_eq!(split([first, second]), wanted.clone());
            prop_assert_eq!(split(whole.chunks(1)), wanted);
        }
    }
}
