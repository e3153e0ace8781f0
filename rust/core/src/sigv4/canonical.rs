//! The canonical request: one text for all the ways to write the same request.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request>

use std::borrow::Cow;
use std::ops::Range;

/// A header's name and value, as bytes on the wire.
pub type Header<'a> = (&'a [u8], &'a [u8]);

/// Whether a header is signed: all but those that a proxy or the HTTP client may change on the way.
///
/// The list is botocore's, so that the same request gets the same signature.
fn is_signed(name: &[u8]) -> bool {
    !matches!(
        name,
        b"authorization"
            | b"baggage"
            | b"connection"
            | b"expect"
            | b"keep-alive"
            | b"proxy-authenticate"
            | b"proxy-authorization"
            | b"te"
            | b"traceparent"
            | b"tracestate"
            | b"trailer"
            | b"transfer-encoding"
            | b"upgrade"
            | b"user-agent"
            | b"x-amzn-trace-id"
    )
}

/// Appends the canonical path.
///
/// `normalize` removes dot segments (RFC 3986, section 5.2.4) and doubled slashes. Every byte
/// outside `A-Za-z0-9-._~/` is then percent-encoded: with `double_encode` also the percent signs of
/// what is encoded already, as every service but S3 wants it.
pub(crate) fn push_path(out: &mut Vec<u8>, path: &[u8], normalize: bool, double_encode: bool) {
    if !normalize || is_normal(path) {
        return push_encoded_path(out, if path.is_empty() { b"/" } else { path }, double_encode);
    }
    let mut kept: Vec<&[u8]> = Vec::with_capacity(8);
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    for segment in &kept {
        out.push(b'/');
        push_encoded_path(out, segment, double_encode);
    }
    if kept.is_empty() || path.ends_with(b"/") {
        out.push(b'/');
    }
}

/// Whether no segment can be empty or of dots: by far the usual case, which needs no list of them.
fn is_normal(path: &[u8]) -> bool {
    path.first() == Some(&b'/')
        && !path.windows(2).any(|pair| pair[0] == b'/' && matches!(pair[1], b'/' | b'.'))
}

fn push_encoded_path(out: &mut Vec<u8>, path: &[u8], double_encode: bool) {
    let mut rest = path;
    let stays = |byte: &u8| is_unreserved(*byte) || *byte == b'/';
    while let Some(place) = rest.iter().position(|byte| !stays(byte)) {
        out.extend_from_slice(&rest[..place]);
        if !double_encode && is_escape(&rest[place..]) {
            out.push(b'%');
        } else {
            push_escape(out, rest[place]);
        }
        rest = &rest[place + 1..];
    }
    out.extend_from_slice(rest);
}

fn is_escape(text: &[u8]) -> bool {
    matches!(text, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// Appends `text` with all but the unreserved characters percent-encoded.
pub(crate) fn push_component(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(place) = rest.iter().position(|byte| !is_unreserved(*byte)) {
        out.extend_from_slice(&rest[..place]);
        push_escape(out, rest[place]);
        rest = &rest[place + 1..];
    }
    out.extend_from_slice(rest);
}

/// Appends the canonical query: the pairs as they stand, sorted, each with its `=`.
///
/// A byte that cannot stand in a request target (space, control, non-ASCII) is percent-encoded,
/// because that is how it is sent.
pub(crate) fn push_query<'a>(out: &mut Vec<u8>, pairs: impl Iterator<Item = &'a [u8]>) {
    let mut pairs: Vec<_> = pairs
        .map(|pair| match memchr::memchr(b'=', pair) {
            Some(sign) => (sendable(&pair[..sign]), sendable(&pair[sign + 1..])),
            None => (sendable(pair), Cow::Borrowed(&b""[..])),
        })
        .collect();
    pairs.sort_unstable();
    for (number, (key, value)) in pairs.iter().enumerate() {
        if number > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(key);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

/// The pairs of a query; none for an empty one.
pub(crate) fn query_pairs(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    query.split(|byte| *byte == b'&').filter(move |_| !query.is_empty())
}

fn sendable(text: &[u8]) -> Cow<'_, [u8]> {
    if text.iter().all(u8::is_ascii_graphic) {
        return Cow::Borrowed(text);
    }
    let mut sent = Vec::with_capacity(text.len() + 16);
    for byte in text {
        if byte.is_ascii_graphic() {
            sent.push(*byte);
        } else {
            push_escape(&mut sent, *byte);
        }
    }
    Cow::Owned(sent)
}

/// The headers that are signed: lower-case names in order, values in the order of the wire.
pub(crate) struct SignedHeaders<'a> {
    /// All names in lower case, one after the other: one allocation for all of them.
    names: Vec<u8>,
    /// Where a name stands in `names`, and the value.
    headers: Vec<(Range<usize>, &'a [u8])>,
}

impl<'a> SignedHeaders<'a> {
    /// All of `headers` but those that may change on the way.
    pub(crate) fn all_but_the_unsigned(headers: impl Iterator<Item = Header<'a>>) -> Self {
        Self::chosen(headers, is_signed)
    }

    /// Those of `headers` that `names` (lower case, sorted) lists.
    pub(crate) fn listed(headers: &[Header<'a>], names: &[&[u8]]) -> Self {
        Self::chosen(headers.iter().copied(), |name| names.binary_search(&name).is_ok())
    }

    fn chosen(headers: impl Iterator<Item = Header<'a>>, wanted: impl Fn(&[u8]) -> bool) -> Self {
        let mut names = Vec::with_capacity(256);
        let mut chosen: Vec<(Range<usize>, &[u8])> = Vec::with_capacity(16);
        for (name, value) in headers {
            let start = names.len();
            names.extend_from_slice(name);
            names[start..].make_ascii_lowercase();
            if wanted(&names[start..]) {
                chosen.push((start..names.len(), value));
            } else {
                names.truncate(start);
            }
        }
        // Stable: values of one name keep the order of the wire.
        chosen.sort_by(|one, other| names[one.0.clone()].cmp(&names[other.0.clone()]));
        Self { names, headers: chosen }
    }

    /// The headers in order, each with whether its name is the one before it.
    fn iter(&self) -> impl Iterator<Item = (&[u8], &'a [u8], bool)> {
        let mut last: Option<&[u8]> = None;
        self.headers.iter().map(move |(name, value)| {
            let name = &self.names[name.clone()];
            let repeated = last.replace(name) == Some(name);
            (name, *value, repeated)
        })
    }

    /// Appends `name:value` lines: values trimmed, white space collapsed, repeats joined by commas.
    pub(crate) fn push_lines(&self, out: &mut Vec<u8>) {
        for (number, (name, value, repeated)) in self.iter().enumerate() {
            if repeated {
                out.push(b',');
            } else {
                if number > 0 {
                    out.push(b'\n');
                }
                out.extend_from_slice(name);
                out.push(b':');
            }
            push_collapsed(out, value);
        }
        if !self.headers.is_empty() {
            out.push(b'\n');
        }
    }

    /// Appends the names, each once, joined by semicolons.
    pub(crate) fn push_names(&self, out: &mut Vec<u8>) {
        for (number, (name, ..)) in self.iter().filter(|(.., repeated)| !repeated).enumerate() {
            if number > 0 {
                out.push(b';');
            }
            out.extend_from_slice(name);
        }
    }
}

/// Appends `value` without white space around it and with single spaces inside.
///
/// White space is ASCII's, since that is all a server can see: the bytes of U+00A0 are not a space.
fn push_collapsed(out: &mut Vec<u8>, value: &[u8]) {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    if !value.iter().any(is_space) {
        return out.extend_from_slice(value);
    }
    let words = value.split(is_space);
    for (number, word) in words.filter(|word| !word.is_empty()).enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// Appends the canonical request.
pub(crate) fn push_request<'a>(
    out: &mut Vec<u8>,
    method: &[u8],
    path: impl FnOnce(&mut Vec<u8>),
    query: impl Iterator<Item = &'a [u8]>,
    headers: &SignedHeaders<'_>,
    payload_hash: &[u8],
) {
    out.extend_from_slice(method);
    out.push(b'\n');
    path(out);
    out.push(b'\n');
    push_query(out, query);
    out.push(b'\n');
    headers.push_lines(out);
    out.push(b'\n');
    headers.push_names(out);
    out.push(b'\n');
    out.extend_from_slice(payload_hash);
}
