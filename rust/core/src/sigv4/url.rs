//! Taking a URL, or a request target, apart without changing a byte of it.

use super::InvalidArgument;

/// The parts of a URL that are signed, as they stand in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Url<'a> {
    /// Everything up to the path: scheme and authority.
    pub(crate) origin: &'a str,
    /// The host as the `Host` header has it, before lower-casing: name and port.
    pub(crate) host: &'a str,
    /// The port, unless it is the scheme's own.
    pub(crate) port: Option<u16>,
    /// The path; empty where the URL has none.
    pub(crate) path: &'a str,
    /// The query without its question mark.
    pub(crate) query: Option<&'a str>,
}

const ALLOWED: &str = "an absolute http or https URL";

impl<'a> Url<'a> {
    /// Takes an absolute URL apart. A fragment is dropped: it is never sent.
    pub(crate) fn parse(url: &'a str) -> Result<Self, InvalidArgument> {
        let refuse = |problem: &str| InvalidArgument::new("url", problem, ALLOWED);
        if url.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return Err(refuse("it holds a control character"));
        }
        let url = find(url, |byte| byte == b'#').map_or(url, |mark| &url[..mark]);
        let (default_port, rest) = scheme(url).ok_or_else(|| refuse("it has no http scheme"))?;
        let end = find(rest, |byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let address = find_last(authority, b'@').map_or(authority, |at| &authority[at + 1..]);
        let (host, port) = match find_last(address, b':') {
            Some(colon) if find_last(address, b']').is_none_or(|bracket| bracket < colon) => {
                (&address[..colon], &address[colon + 1..])
            }
            _ => (address, ""),
        };
        if host.is_empty() || host == "[]" {
            return Err(refuse("it has no host"));
        }
        if !host.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refuse("its host has a character outside visible ASCII"));
        }
        let port = match port {
            "" => None,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse::<u16>().map_err(|_| refuse("its port is over 65535"))?)
            }
            _ => return Err(refuse("its port is not a number")),
        };
        let (path, query) = split_query(target);
        Ok(Self {
            origin: &url[..url.len() - target.len()],
            host,
            port: port.filter(|port| *port != default_port),
            path,
            query,
        })
    }

    /// The value of the `Host` header: lower case, the port only if it is not the scheme's own.
    pub(crate) fn host_header(&self) -> String {
        let mut host = self.host.to_ascii_lowercase();
        if let Some(port) = self.port {
            host.push(':');
            host.push_str(&port.to_string());
        }
        host
    }
}

fn scheme(url: &str) -> Option<(u16, &str)> {
    let (scheme, rest) = url.split_at(find(url, |byte| byte == b':')?);
    let rest = rest.strip_prefix("://")?;
    if scheme.eq_ignore_ascii_case("https") {
        Some((443, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Some((80, rest))
    } else {
        None
    }
}

fn split_query(target: &str) -> (&str, Option<&str>) {
    match find(target, |byte| byte == b'?') {
        Some(mark) => (&target[..mark], Some(&target[mark + 1..])),
        None => (target, None),
    }
}

/// Where a byte of ASCII stands first. A URL is taken apart in every call, right after a wait or before
/// one: the library's searches are made for long texts, and their code is longer than these.
fn find(text: &str, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    text.bytes().position(wanted)
}

/// Where it stands last.
fn find_last(text: &str, wanted: u8) -> Option<usize> {
    text.bytes().rposition(|byte| byte == wanted)
}

/// Takes a request target apart, as a server sees it: `/path?query`, or a whole URL.
pub(crate) fn split_target(target: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = target;
    if !rest.starts_with(b"/")
        && let Some(slashes) = memchr::memmem::find(rest, b"://")
    {
        let after = &rest[slashes + 3..];
        let path = memchr::memchr2(b'/', b'?', after).unwrap_or(after.len());
        rest = &after[path..];
    }
    match memchr::memchr(b'?', rest) {
        Some(mark) => (&rest[..mark], &rest[mark + 1..]),
        None => (rest, b""),
    }
}
