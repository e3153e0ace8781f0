//! Heads: a request's out, a response's in. No I/O.
//!
//! The response's rules are those of Python's `http.client`, because a program that moves over from
//! boto3 has met no others: lines may end in LF alone, a line that is no header ends the headers,
//! trailing white space is kept, a head has less than 100 headers of at most 65,536 bytes. A parsing
//! library has rules of its own on each of these points, which is why the reader stands here.

use std::borrow::Cow;
use std::ops::Range;

use super::error::TransportError;
use super::number::{BEYOND_COUNTING, int, is_space, trim};

/// The longest line of a head, in bytes.
const MAX_LINE_BYTES: usize = 65_536;
/// The most lines after the status line, the blank one included.
const MAX_LINES: usize = 100;

/// The parts of a request's head, written as they are given.
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a str,
    /// The request target.
    pub target: &'a str,
    /// Names and values, in order.
    pub headers: &'a [(&'a str, &'a str)],
}

impl RequestHead<'_> {
    /// Appends the head to `out`; says whether it announces a chunked body.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<bool, TransportError> {
        check_visible("method", self.method)?;
        check_target(self.target)?;
        for part in [self.method, " ", self.target, " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        let mut chunked = false;
        for (name, value) in self.headers {
            push_header(out, name, value)?;
            chunked |= *value == "chunked" && name.eq_ignore_ascii_case("transfer-encoding");
        }
        out.extend_from_slice(b"\r\n");
        Ok(chunked)
    }
}

/// Refuses a request target that is no single word.
pub(crate) fn check_target(target: &str) -> Result<(), TransportError> {
    check_visible("target", target)
}

fn check_visible(what: &str, text: &str) -> Result<(), TransportError> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let text = python_bytes(text.as_bytes());
    Err(TransportError::Client(format!("Invalid request {what} {text}")))
}

/// Appends a header's line.
pub(crate) fn push_header(
    out: &mut Vec<u8>,
    name: &str,
    value: &str,
) -> Result<(), TransportError> {
    let is_name = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    if name.is_empty() || !name.bytes().all(is_name) {
        let name = python_bytes(name.as_bytes());
        return Err(TransportError::Client(format!("Invalid header name {name}")));
    }
    check_value(value.as_bytes())?;
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    Ok(())
}

/// Refuses a value that would end its header.
pub(crate) fn check_value(value: &[u8]) -> Result<(), TransportError> {
    if has_line_end(value) {
        let value = python_bytes(value);
        return Err(TransportError::Client(format!("Invalid header value {value}")));
    }
    Ok(())
}

/// Whether a value would end its header: a line end that no white space follows.
fn has_line_end(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        let folds = match &rest[end + 1..] {
            [b' ' | b'\t', ..] => true,
            [b'\n', ..] => rest[end] == b'\r',
            _ => false,
        };
        if !folds {
            return true;
        }
        rest = &rest[end + 1..];
    }
    false
}

/// Bytes as Python writes them.
fn python_bytes(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut text = format!("b{quote}");
    for byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'\'' if quote == '\'' => text.push_str("\\'"),
            0x20..0x7f => text.push(char::from(*byte)),
            _ => text.extend(["\\x".to_owned(), format!("{byte:02x}")]),
        }
    }
    text.push(quote);
    text
}

/// A response's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// 100 to 999.
    pub status: u16,
    /// 10 or 11.
    pub version: u8,
    /// The bytes as they arrived, but for the names, which are in lower case.
    bytes: Vec<u8>,
    reason: Range<usize>,
    fields: Vec<Field>,
}

/// Where a header stands in its head.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

/// Finds the end of a head in bytes that arrive piece by piece.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    line_start: usize,
    searched: usize,
    lines: usize,
}

/// A head that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadHead;

impl HeadScanner {
    /// Looks at all that has arrived; the length of the head once it is whole.
    pub(crate) fn scan(&mut self, arrived: &[u8]) -> Result<Option<usize>, BadHead> {
        while let Some(found) = memchr::memchr(b'\n', &arrived[self.searched..]) {
            let end = self.searched + found + 1;
            let line = &arrived[self.line_start..end];
            if line.len() > MAX_LINE_BYTES {
                return Err(BadHead);
            }
            if self.lines == 0 {
                // Told at once, not only when the rest has arrived: garbage may have no rest.
                status_line(line)?;
            } else if self.lines > MAX_LINES {
                return Err(BadHead);
            } else if line == b"\r\n" || line == b"\n" {
                return Ok(Some(end));
            }
            self.lines += 1;
            self.line_start = end;
            self.searched = end;
        }
        self.searched = arrived.len();
        if arrived.len() - self.line_start > MAX_LINE_BYTES {
            return Err(BadHead);
        }
        Ok(None)
    }
}

/// Status and reason of a head that has begun to arrive, once its first line is here; where nothing
/// more will come, as much of it as there is.
pub(crate) fn status_of(arrived: &[u8], ended: bool) -> Option<(u16, String)> {
    let first = match memchr::memchr(b'\n', arrived) {
        Some(end) => end + 1,
        None if ended => arrived.len(),
        None => return None,
    };
    if first > MAX_LINE_BYTES {
        return None;
    }
    let (_, status, reason) = status_line(&arrived[..first]).ok()?;
    Some((status, reason.iter().map(|byte| char::from(*byte)).collect()))
}

fn status_line(line: &[u8]) -> Result<(u8, u16, &[u8]), BadHead> {
    let (version, rest) = word(line);
    let (status, reason) = word(rest);
    let version = match version {
        b"HTTP/1.0" | b"HTTP/0.9" => 10,
        version if version.starts_with(b"HTTP/1.") => 11,
        _ => return Err(BadHead),
    };
    let status = int(status, 10)
        .and_then(|status| u16::try_from(status).ok())
        .filter(|status| (100..=999).contains(status))
        .ok_or(BadHead)?;
    Ok((version, status, trim(reason)))
}

/// The first word, and what follows it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = trim(text);
    let end = text.iter().position(|byte| is_space(*byte)).unwrap_or(text.len());
    text.split_at(end)
}

impl ResponseHead {
    /// Reads a whole head, as the scanner found it.
    pub(crate) fn parse(head: &[u8]) -> Result<Self, BadHead> {
        let first = memchr::memchr(b'\n', head).ok_or(BadHead)? + 1;
        let (version, status, reason) = status_line(&head[..first])?;
        let end = first - head[..first].iter().rev().take_while(|byte| is_space(**byte)).count();
        let reason = end - reason.len()..end;
        let mut bytes = head.to_vec();
        let fields = fields(&mut bytes, first);
        Ok(Self { status, version, bytes, reason, fields })
    }

    /// The reason phrase, in Latin-1.
    pub fn reason(&self) -> &[u8] {
        &self.bytes[self.reason.clone()]
    }

    /// Names in lower case (ASCII) and values in Latin-1 with folds left in, in order of arrival.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| {
            let name = std::str::from_utf8(&self.bytes[field.name.clone()]).unwrap_or_default();
            (name, &self.bytes[field.value.clone()])
        })
    }

    /// The values of `fields`.
    pub fn field_values(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.fields.iter().map(|field| &self.bytes[field.value.clone()])
    }

    /// Whether another answer has the same names, in the same order.
    pub fn is_named_as(&self, other: &Self) -> bool {
        self.names().eq(other.names())
    }

    fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().map(|field| &self.bytes[field.name.clone()])
    }

    /// The first value of a header.
    pub(crate) fn first(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let wanted = |field: &&Field| self.bytes[field.name.clone()] == *name.as_bytes();
        self.fields.iter().filter(wanted).map(|field| &self.bytes[field.value.clone()])
    }

    /// Names and values as the caller sees them: repeats joined, folds a single space.
    pub fn joined(&self) -> Vec<(&str, Cow<'_, [u8]>)> {
        let mut joined: Vec<(&str, Cow<'_, [u8]>)> = Vec::with_capacity(self.fields.len());
        for (name, value) in self.fields() {
            let value = unfolded(value);
            match joined.iter_mut().find(|(key, _)| *key == name) {
                None => joined.push((name, value)),
                Some((_, first)) => {
                    let first = first.to_mut();
                    first.extend_from_slice(b", ");
                    first.extend_from_slice(&value);
                }
            }
        }
        joined
    }

    /// Whether the connection ends after this answer, whatever its length says.
    pub(crate) fn closes(&self) -> bool {
        let has = |name: &str, word: &str| {
            self.first(name).is_some_and(|value| {
                value.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
            })
        };
        if self.version == 11 {
            return has("connection", "close");
        }
        let kept = self.first("keep-alive").is_some_and(|value| !value.is_empty());
        !(kept || has("connection", "keep-alive") || has("proxy-connection", "keep-alive"))
    }

    /// Whether the body is chunked.
    pub(crate) fn is_chunked(&self) -> bool {
        self.first("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked"))
    }

    /// The body's length, if there is one to go by.
    pub(crate) fn length(&self) -> Option<u64> {
        if matches!(self.status, 204 | 304) {
            return Some(0);
        }
        if self.is_chunked() {
            return None;
        }
        self.first("content-length")
            .and_then(|value| int(value, 10))
            .filter(|length| *length < BEYOND_COUNTING)
            .and_then(|length| u64::try_from(length).ok())
    }

    /// A length that is stated more than once with different numbers (RFC 9112, section 6.3).
    pub(crate) fn unmatching_lengths(&self) -> Option<String> {
        let stated = || self.values("content-length");
        let once = stated().count() < 2 && !stated().any(|value| value.contains(&b','));
        if once || self.is_chunked() {
            return None;
        }
        let joined = self.joined();
        let (_, text) = joined.iter().find(|(name, _)| *name == "content-length")?;
        let lengths: Option<Vec<i64>> =
            text.split(|byte| *byte == b',').map(|part| int(part, 10)).collect();
        let differ = lengths?.windows(2).any(|pair| pair[0] != pair[1]);
        differ.then(|| text.iter().map(|byte| char::from(*byte)).collect())
    }
}

/// The header lines from `start` on, up to the first line that is none; names become lower case.
fn fields(head: &mut [u8], mut start: usize) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::with_capacity(12);
    let mut may_continue = false;
    while start < head.len() {
        let block = &head[start..];
        // A carriage return alone ends a line as well.
        let end = match memchr::memchr2(b'\r', b'\n', block) {
            Some(end) if block[end..].starts_with(b"\r\n") => end + 2,
            Some(end) => end + 1,
            None => block.len(),
        };
        let line = &block[..end];
        let (here, next) = (start, start + end);
        start = next;
        if matches!(line[0], b' ' | b'\t') {
            // A fold stands right behind what it continues.
            if let Some(field) = fields.last_mut().filter(|_| may_continue) {
                field.value.end = next;
            }
            continue;
        }
        may_continue = false;
        if line.starts_with(b"From ") {
            continue;
        }
        let name_end = line.iter().position(|byte| !byte.is_ascii_graphic() || *byte == b':');
        match name_end {
            Some(0) if line[0] == b':' => {}
            Some(end) if line[end] == b':' => {
                let value = line[end + 1..].iter().position(|byte| !matches!(byte, b' ' | b'\t'));
                let value = value.map_or(next, |white| here + end + 1 + white);
                let name = here..here + end;
                head[name.clone()].make_ascii_lowercase();
                fields.push(Field { name, value: value..next });
                may_continue = true;
            }
            _ => break,
        }
    }
    for Field { value, .. } in &mut fields {
        let kept = head[value.clone()].iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        value.end = kept.map_or(value.start, |last| value.start + last + 1);
    }
    fields
}

/// A folded value as one line: each line end with the white space after it is a single space.
pub fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut line: Vec<u8> = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let after = &rest[end + 1..];
        let white = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if white == 0 {
            line.extend_from_slice(&rest[..=end]);
        } else {
            let before = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            line.extend_from_slice(before);
            line.push(b' ');
        }
        rest = &after[white..];
    }
    line.extend_from_slice(rest);
    Cow::Owned(line)
}
