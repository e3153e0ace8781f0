//! Signing: string to sign, signature, `Authorization` header.

use std::borrow::Cow;
use std::ops::Range;

use super::canonical::{self, Header, SignedHeaders, push_path, query_pairs};
use super::key::{KeyOfTheDay, SigningKey, hex, push_hex, sha256};
use super::timestamp::Timestamp;
use super::url::Url;
use super::{ALGORITHM, Credentials, InvalidArgument, TERMINATOR};

/// How a service wants its requests signed.
#[derive(Debug, Clone)]
pub struct SignerOptions {
    /// The region of the credential scope.
    pub region: String,
    /// The service of the credential scope.
    pub service: String,
    /// Remove dot segments and doubled slashes from the path before signing.
    pub normalize_path: bool,
    /// Percent-encode the path's percent signs once more.
    pub double_encode: bool,
    /// Send and sign `X-Amz-Content-SHA256`.
    pub content_sha256_header: bool,
}

/// What is signed of a body.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// The body itself, to be hashed.
    Body(&'a [u8]),
    /// Its hexadecimal SHA-256, or one of the fixed words, such as `UNSIGNED-PAYLOAD`.
    Hash(&'a str),
}

/// A signature and what goes with it on the wire.
#[derive(Debug, Clone)]
pub struct Signature {
    /// The value of `X-Amz-Date`.
    pub date: String,
    /// The value of `X-Amz-Content-SHA256`, if the signer sends it.
    pub content_sha256: Option<String>,
    /// The value of `Authorization`.
    pub authorization: String,
}

/// A request as the signer is given it.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: Url<'a>,
    pub(crate) headers: &'a [Header<'a>],
}

impl<'a> Request<'a> {
    pub(crate) fn check(
        method: &'a str,
        url: &'a str,
        headers: &'a [Header<'a>],
    ) -> Result<Self, InvalidArgument> {
        if method.is_empty() || !method.bytes().all(is_token) {
            let problem = "it is not an HTTP method";
            return Err(InvalidArgument::new("method", problem, "a token such as POST"));
        }
        let url = Url::parse(url)?;
        for (number, (name, value)) in headers.iter().enumerate() {
            check_header(number, name, value)?;
        }
        Ok(Self { method, url, headers })
    }

    /// As `check`; without `strict`, method and headers are taken as they are.
    pub(crate) fn presigned(
        method: &'a str,
        url: &'a str,
        headers: &'a [Header<'a>],
        strict: bool,
    ) -> Result<Self, InvalidArgument> {
        if strict {
            return Self::check(method, url, headers);
        }
        Ok(Self { method, url: Url::parse(url)?, headers })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&'a [u8]> {
        let is = |header: &&Header<'a>| header.0.eq_ignore_ascii_case(name.as_bytes());
        self.headers.iter().find(is).map(|header| header.1)
    }
}

/// Headers that a signer sets itself; given from outside they would stand in the request twice.
const SET_BY_THE_SIGNER: [&[u8]; 3] = [b"authorization", b"x-amz-date", b"x-amz-security-token"];

fn check_header(number: usize, name: &[u8], value: &[u8]) -> Result<(), InvalidArgument> {
    let refuse = |problem: String, allowed| Err(InvalidArgument::new("headers", problem, allowed));
    if name.is_empty() || !name.iter().copied().all(is_token) {
        let problem = format!("header {number} has a name that is not a token");
        return refuse(problem, "letters, digits and !#$%&'*+-.^_`|~");
    }
    let shown = || String::from_utf8_lossy(name);
    if SET_BY_THE_SIGNER.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        let problem = format!("header {number} ({}) is one that the signer sets itself", shown());
        return refuse(problem, "every header but Authorization, X-Amz-Date, X-Amz-Security-Token");
    }
    let mut rest = value;
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        let after = &rest[end + 1..];
        let folds = match after {
            [b' ' | b'\t', ..] => true,
            [b'\n', ..] => rest[end] == b'\r',
            _ => false,
        };
        if !folds {
            let problem = format!("header {number} ({}) has a line end in its value", shown());
            return refuse(problem, "text whose line ends are followed by a space or a tab");
        }
        rest = after;
    }
    Ok(())
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Signs requests with one set of credentials for one region and service.
pub struct Signer {
    pub(crate) credentials: Credentials,
    pub(crate) options: SignerOptions,
    key: KeyOfTheDay,
}

impl Signer {
    /// A signer. Its signing key is derived at the first use of a day.
    pub fn new(credentials: Credentials, options: SignerOptions) -> Self {
        Self { credentials, options, key: KeyOfTheDay::default() }
    }

    /// The credentials it signs with.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Signs a request; `at` is in seconds since 1970.
    pub fn sign(
        &self,
        method: &str,
        url: &str,
        headers: &[Header<'_>],
        payload: Payload<'_>,
        at: i64,
    ) -> Result<Signature, InvalidArgument> {
        let request = Request::check(method, url, headers)?;
        let timestamp = Timestamp::from_epoch(at)?;
        let mut canonical = Vec::with_capacity(1024);
        let content_sha256 = self.with_headers(&request, timestamp, payload, |signed, hash| {
            self.push_canonical(&mut canonical, &request, signed, hash);
        });
        let authorization = self.authorization(timestamp, canonical);
        Ok(Signature { date: timestamp.as_str().to_owned(), content_sha256, authorization })
    }

    /// Signs a request as `sign` does, and appends the headers to add, a line each.
    ///
    /// What is made on the way is made in `out`, which its owner keeps from request to request.
    /// `check` is asked about every value.
    #[allow(clippy::too_many_arguments, reason = "what `sign` takes, where to, and the check")]
    pub fn push_headers<E: From<InvalidArgument>>(
        &self,
        out: &mut Vec<u8>,
        method: &str,
        url: &str,
        headers: &[Header<'_>],
        payload: Payload<'_>,
        at: i64,
        check: impl Fn(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let request = Request::check(method, url, headers)?;
        let timestamp = Timestamp::from_epoch(at)?;
        let start = out.len();
        let content_sha256 = self.with_headers(&request, timestamp, payload, |signed, hash| {
            self.push_canonical(out, &request, signed, hash);
        });
        self.sign_canonical(out, start, timestamp, content_sha256.as_deref(), check)
    }

    /// Signs the canonical request that stands in `out` from `start` on, and puts the headers to add in
    /// its place.
    pub(super) fn sign_canonical<E>(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        timestamp: Timestamp,
        content_sha256: Option<&str>,
        check: impl Fn(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let end = out.len();
        let digest = sha256(&out[start..]);
        push_string_to_sign(out, timestamp, &self.options.region, &self.options.service, &digest);
        let signature = self.key_of(timestamp).sign(&out[end..]);
        out.truncate(end);
        let added = [
            ("X-Amz-Date: ", Some(timestamp.as_str())),
            ("X-Amz-Security-Token: ", self.credentials.session_token()),
            ("X-Amz-Content-SHA256: ", content_sha256),
        ];
        for (name, value) in added {
            let Some(value) = value else { continue };
            check(value.as_bytes())?;
            for part in [name, value, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        out.extend_from_slice(b"Authorization: ");
        let value = out.len();
        let names = signed_names(&out[start..end]);
        self.push_authorization(out, timestamp, start + names.start..start + names.end, &signature);
        check(&out[value..])?;
        out.extend_from_slice(b"\r\n");
        out.drain(start..end);
        Ok(())
    }

    /// The `Authorization` of a request as it is given.
    ///
    /// No header is added but the host: the caller has set date, token and content hash.
    pub fn authorize(
        &self,
        method: &str,
        url: &str,
        headers: &[Header<'_>],
        payload: Payload<'_>,
        at: i64,
    ) -> Result<String, InvalidArgument> {
        let request = Request { method, url: Url::parse(url)?, headers };
        let timestamp = Timestamp::from_epoch(at)?;
        Ok(self.authorization(timestamp, self.as_given(&request, payload).into_bytes()))
    }

    fn authorization(&self, timestamp: Timestamp, mut canonical: Vec<u8>) -> String {
        let signature = self.signature(timestamp, &canonical);
        let (start, names) = (canonical.len(), signed_names(&canonical));
        self.push_authorization(&mut canonical, timestamp, names, &signature);
        text(canonical.split_off(start))
    }

    /// Appends the value of `Authorization`; the signed headers' names stand at `names` in `out`.
    fn push_authorization(
        &self,
        out: &mut Vec<u8>,
        timestamp: Timestamp,
        names: Range<usize>,
        signature: &[u8; 32],
    ) {
        for part in [
            ALGORITHM,
            " Credential=",
            &self.credentials.access_key_id,
            "/",
            timestamp.date_str(),
            "/",
            &self.options.region,
            "/",
            &self.options.service,
            "/",
            TERMINATOR,
            ", SignedHeaders=",
        ] {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_within(names);
        out.extend_from_slice(b", Signature=");
        push_hex(out, signature);
    }

    /// The canonical request that `sign` would hash.
    pub fn canonical_request(
        &self,
        method: &str,
        url: &str,
        headers: &[Header<'_>],
        payload: Payload<'_>,
        at: i64,
    ) -> Result<String, InvalidArgument> {
        let request = Request::check(method, url, headers)?;
        let timestamp = Timestamp::from_epoch(at)?;
        let mut canonical = Vec::with_capacity(1024);
        self.with_headers(&request, timestamp, payload, |signed, hash| {
            self.push_canonical(&mut canonical, &request, signed, hash);
        });
        Ok(text(canonical))
    }

    /// The string that `sign` would sign.
    pub fn string_to_sign(
        &self,
        method: &str,
        url: &str,
        headers: &[Header<'_>],
        payload: Payload<'_>,
        at: i64,
    ) -> Result<String, InvalidArgument> {
        let canonical = self.canonical_request(method, url, headers, payload, at)?;
        let mut string_to_sign = Vec::with_capacity(160);
        let timestamp = Timestamp::from_epoch(at)?;
        self.push_string_to_sign(&mut string_to_sign, timestamp, canonical.as_bytes());
        Ok(text(string_to_sign))
    }

    /// Hands over the headers as they are signed; returns the content hash if it is sent.
    pub(super) fn with_headers(
        &self,
        request: &Request<'_>,
        timestamp: Timestamp,
        payload: Payload<'_>,
        hand_over: impl FnOnce(&SignedHeaders<'_>, &[u8]),
    ) -> Option<String> {
        let given_hash = request.header("x-amz-content-sha256");
        let made_hash;
        let hash = match (given_hash, payload) {
            (Some(hash), _) => hash,
            (None, Payload::Hash(hash)) => hash.as_bytes(),
            (None, Payload::Body(body)) => {
                made_hash = hex(&sha256(body));
                &made_hash
            }
        };
        let sends_hash = self.options.content_sha256_header && given_hash.is_none();
        let host = request.header("host").is_none().then(|| request.url.host_header());
        let own: [Option<Header<'_>>; 4] = [
            host.as_ref().map(|host| (&b"host"[..], host.as_bytes())),
            Some((b"x-amz-date", timestamp.as_str().as_bytes())),
            self.credentials
                .session_token()
                .map(|token| (&b"x-amz-security-token"[..], token.as_bytes())),
            sends_hash.then_some((b"x-amz-content-sha256", hash)),
        ];
        let all = request.headers.iter().copied().chain(own.into_iter().flatten());
        hand_over(&SignedHeaders::all_but_the_unsigned(all), hash);
        sends_hash.then(|| text(hash.to_vec()))
    }

    pub(crate) fn push_canonical(
        &self,
        out: &mut Vec<u8>,
        request: &Request<'_>,
        headers: &SignedHeaders<'_>,
        payload_hash: &[u8],
    ) {
        let (normalize, double) = (self.options.normalize_path, self.options.double_encode);
        let method = if request.method.bytes().any(|byte| byte.is_ascii_lowercase()) {
            Cow::Owned(request.method.to_ascii_uppercase())
        } else {
            Cow::Borrowed(request.method)
        };
        canonical::push_request(
            out,
            method.as_bytes(),
            |out| push_path(out, request.url.path.as_bytes(), normalize, double),
            query_pairs(request.url.query.unwrap_or_default().as_bytes()),
            headers,
            payload_hash,
        );
    }

    pub(crate) fn push_string_to_sign(
        &self,
        out: &mut Vec<u8>,
        timestamp: Timestamp,
        canonical: &[u8],
    ) {
        push_string_to_sign(
            out,
            timestamp,
            &self.options.region,
            &self.options.service,
            &sha256(canonical),
        );
    }

    pub(crate) fn signature(&self, timestamp: Timestamp, canonical: &[u8]) -> [u8; 32] {
        let mut string_to_sign = Vec::with_capacity(192);
        self.push_string_to_sign(&mut string_to_sign, timestamp, canonical);
        self.key_of(timestamp).sign(&string_to_sign)
    }

    pub(crate) fn key_of(&self, timestamp: Timestamp) -> SigningKey {
        let (secret, options) = (&self.credentials.secret_access_key, &self.options);
        self.key.get(timestamp.date(), || {
            SigningKey::derive(secret, &timestamp.date(), &options.region, &options.service)
        })
    }
}

/// Appends algorithm, time, credential scope and the canonical request's hash, a line each.
pub(crate) fn push_string_to_sign(
    out: &mut Vec<u8>,
    timestamp: Timestamp,
    region: &str,
    service: &str,
    canonical_hash: &[u8; 32],
) {
    let parts = [ALGORITHM, "\n", timestamp.as_str(), "\n"];
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    push_scope(out, timestamp, region, service);
    out.push(b'\n');
    push_hex(out, canonical_hash);
}

/// Appends the credential scope.
pub(crate) fn push_scope(out: &mut Vec<u8>, timestamp: Timestamp, region: &str, service: &str) {
    for part in [timestamp.date_str(), "/", region, "/", service, "/", TERMINATOR] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Where the signed headers' names stand: the canonical request's line before its last.
fn signed_names(canonical: &[u8]) -> Range<usize> {
    let end = memchr::memrchr(b'\n', canonical).unwrap_or(0);
    let start = memchr::memrchr(b'\n', &canonical[..end]).map_or(0, |before| before + 1);
    start..end
}

/// The text of bytes that were made from text.
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
