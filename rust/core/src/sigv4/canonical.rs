//! The canonical request: one text for all the ways to write the same request.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request>

use std::borrow::Cow;

/// A header's name and value, as bytes on the wire.
pub type Header<'a> = (&'a [u8], &'a [u8]);

/// Headers that a proxy or the HTTP client may change on the way, and that are therefore not signed.
///
/// The list is botocore's, so that the same request gets the same signature.
const NOT_SIGNED: [&[u8]; 15] = [
    b"authorization",
    b"baggage",
    b"connection",
    b"expect",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"te",
    b"traceparent",
    b"tracestate",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"user-agent",
    b"x-amzn-trace-id",
];

/// Appends the canonical path.
///
/// `normalize` removes dot segments (RFC 3986, section 5.2.4) and doubled slashes. Every byte
/// outside `A-Za-z0-9-._~/` is then percent-encoded: with `double_encode` also the percent signs of
/// what is encoded already, as every service but S3 wants it.
pub(crate) fn push_path(out: &mut Vec<u8>, path: &[u8], normalize: bool, double_encode: bool) {
    if !normalize {
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

fn push_encoded_path(out: &mut Vec<u8>, path: &[u8], double_encode: bool) {
    for (place, byte) in path.iter().enumerate() {
        let escape = *byte == b'%' && !double_encode && is_escape(&path[place..]);
        if is_unreserved(*byte) || *byte == b'/' || escape {
            out.push(*byte);
        } else {
            push_escape(out, *byte);
        }
    }
}

fn is_escape(text: &[u8]) -> bool {
    matches!(text, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// Appends `text` with all but the unreserved characters percent-encoded.
pub(crate) fn push_component(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        if is_unreserved(*byte) {
            out.push(*byte);
        } else {
            push_escape(out, *byte);
        }
    }
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
pub(crate) struct SignedHeaders<'a>(Vec<(Cow<'a, [u8]>, &'a [u8])>);

impl<'a> SignedHeaders<'a> {
    /// All of `headers` but those that may change on the way.
    pub(crate) fn all_but_the_unsigned(headers: impl Iterator<Item = Header<'a>>) -> Self {
        let mut signed: Vec<_> = headers
            .map(|(name, value)| (lower_case(name), value))
            .filter(|(name, _)| NOT_SIGNED.binary_search(&name.as_ref()).is_err())
            .collect();
        // Stable: values of one name keep the order of the wire.
        signed.sort_by(|one, other| one.0.cmp(&other.0));
        Self(signed)
    }

    /// Those of `headers` that `names` (lower case, sorted) lists.
    pub(crate) fn listed(headers: &[Header<'a>], names: &[&[u8]]) -> Self {
        let mut signed: Vec<_> = headers
            .iter()
            .map(|(name, value)| (lower_case(name), *value))
            .filter(|(name, _)| names.binary_search(&name.as_ref()).is_ok())
            .collect();
        signed.sort_by(|one, other| one.0.cmp(&other.0));
        Self(signed)
    }

    /// Appends `name:value` lines: values trimmed, white space collapsed, repeats joined by commas.
    pub(crate) fn push_lines(&self, out: &mut Vec<u8>) {
        let mut last: Option<&[u8]> = None;
        for (name, value) in &self.0 {
            if last == Some(name.as_ref()) {
                out.push(b',');
            } else {
                if last.is_some() {
                    out.push(b'\n');
                }
                out.extend_from_slice(name);
                out.push(b':');
            }
            push_collapsed(out, value);
            last = Some(name.as_ref());
        }
        if last.is_some() {
            out.push(b'\n');
        }
    }

    /// Appends the names, each once, joined by semicolons.
    pub(crate) fn push_names(&self, out: &mut Vec<u8>) {
        let mut last: Option<&[u8]> = None;
        for (name, _) in &self.0 {
            if last == Some(name.as_ref()) {
                continue;
            }
            if last.is_some() {
                out.push(b';');
            }
            out.extend_from_slice(name);
            last = Some(name.as_ref());
        }
    }
}

fn lower_case(name: &[u8]) -> Cow<'_, [u8]> {
    if name.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// Appends `value` without white space around it and with single spaces inside.
///
/// White space is ASCII's, since that is all a server can see: the bytes of U+00A0 are not a space.
fn push_collapsed(out: &mut Vec<u8>, value: &[u8]) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c));
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
