//! A request's head, made of what all calls of a client share and of what is this attempt's own.
//! No I/O.

use std::time::Instant;

use sagewire_core::sigv4::{Header, InvalidArgument, Payload, Signer};

use super::error::TransportError;
use super::exchange::Connection;
use super::head::{check_target, check_value, push_header};
use super::recent::{Head, Recent};

/// The heads of a client's requests, as far as they are all the same.
pub struct Template {
    /// `Host`, `Accept-Encoding`.
    leading: Vec<u8>,
    /// The value of `Host`, which is signed.
    host: String,
    /// `User-Agent`.
    user_agent: Vec<u8>,
    /// Headers that stand in place of a member's of the same name; sent and signed.
    extra: Vec<(String, String)>,
    extra_lines: Vec<u8>,
    /// `Proxy-Authorization`, last of all.
    trailing: Vec<u8>,
    pub(super) recent: Recent,
}

/// What is one attempt's own.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The request target.
    pub target: &'a str,
    /// The whole URL, as it is signed.
    pub url: &'a str,
    /// The headers of the caller's parameters, in the caller's order; signed.
    pub members: &'a [(&'a str, &'a str)],
    /// The value of `X-Amzn-Trace-Id`; not signed.
    pub trace_id: Option<&'a str>,
    /// The value of `amz-sdk-invocation-id`.
    pub identity: &'a str,
    /// The value of `amz-sdk-request`.
    pub progress: &'a str,
    /// The body's length; `None` for a body in chunks.
    pub length: Option<u64>,
}

/// Why there is no head.
#[derive(Debug, Clone, PartialEq)]
pub enum Refused {
    /// It cannot be signed.
    Signer(InvalidArgument),
    /// It cannot be sent.
    Head(TransportError),
}

impl From<InvalidArgument> for Refused {
    fn from(error: InvalidArgument) -> Self {
        Self::Signer(error)
    }
}

impl From<TransportError> for Refused {
    fn from(error: TransportError) -> Self {
        Self::Head(error)
    }
}

impl Template {
    /// A template for an origin's `Host` header, a `User-Agent`, headers of every call, and what a
    /// proxy asks for that is given the requests themselves.
    pub fn new(
        host: String,
        user_agent: &str,
        extra: Vec<(String, String)>,
        proxy_authorization: Option<&str>,
    ) -> Result<Self, TransportError> {
        let replaced = |name: &str| extra.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let mut leading = Vec::with_capacity(128);
        push_header(&mut leading, "Host", &host)?;
        if !replaced("accept-encoding") {
            push_header(&mut leading, "Accept-Encoding", "identity")?;
        }
        let mut agent = Vec::with_capacity(128);
        if !replaced("user-agent") {
            push_header(&mut agent, "User-Agent", user_agent)?;
        }
        let mut extra_lines = Vec::new();
        for (name, value) in &extra {
            push_header(&mut extra_lines, name, value)?;
        }
        let mut trailing = Vec::new();
        if let Some(value) = proxy_authorization {
            push_header(&mut trailing, "Proxy-Authorization", value)?;
        }
        let recent = Recent::default();
        Ok(Self { leading, host, user_agent: agent, extra, extra_lines, trailing, recent })
    }

    /// Prepares an attempt over a connection, signed for `at` if there is a signer; nothing is sent.
    pub fn prepare(
        &self,
        connection: &mut Connection,
        order: &Order<'_>,
        signing: Option<(&Signer, Payload<'_>)>,
        at: i64,
        deadline: Option<Instant>,
    ) -> Result<(), Refused> {
        connection.prepare_with(deadline, |out| {
            let signing = signing.map(|(signer, payload)| (signer, payload, at));
            self.push_head(out, order, signing).map(|()| order.length.is_none())
        })
    }

    /// Appends an attempt's head, signed for `at`, in seconds since 1970, if there is a signer.
    ///
    /// To be asked when the connection is in hand: a signature is good for five minutes.
    pub fn push_head(
        &self,
        out: &mut Vec<u8>,
        order: &Order<'_>,
        signer: Option<(&Signer, Payload<'_>, i64)>,
    ) -> Result<(), Refused> {
        match signer {
            // A trace is a call's own, and stands among what calls have in common.
            Some((signer, payload, at)) if order.trace_id.is_none() => {
                match self.recent.like(order, signer) {
                    Ok(known) => {
                        out.extend_from_slice(&known.lines);
                        signer.push_prepared(out, &known.prepared, payload, at, accept)?;
                    }
                    Err(is_kept) => {
                        let start = out.len();
                        self.push_lines(out, order)?;
                        let end = out.len();
                        self.push_signature(out, order, signer, payload, at)?;
                        if is_kept {
                            self.keep(order, signer, &out[start..end])?;
                        }
                    }
                }
            }
            _ => {
                self.push_lines(out, order)?;
                if let Some((signer, payload, at)) = signer {
                    self.push_signature(out, order, signer, payload, at)?;
                }
            }
        }
        push_header(out, "amz-sdk-invocation-id", order.identity)?;
        push_header(out, "amz-sdk-request", order.progress)?;
        match order.length {
            None => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Some(length) => push_length(out, length),
        }
        out.extend_from_slice(&self.trailing);
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Appends the lines before the signature's.
    fn push_lines(&self, out: &mut Vec<u8>, order: &Order<'_>) -> Result<(), Refused> {
        check_target(order.target)?;
        out.extend_from_slice(b"POST ");
        out.extend_from_slice(order.target.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        out.extend_from_slice(&self.leading);
        for (name, value) in self.members(order) {
            push_header(out, name, value)?;
        }
        out.extend_from_slice(&self.user_agent);
        if let Some(trace_id) = order.trace_id {
            push_header(out, "X-Amzn-Trace-Id", trace_id)?;
        }
        out.extend_from_slice(&self.extra_lines);
        Ok(())
    }

    /// Refuses what could not be sent anyway, before anybody is connected to; `at` is about now.
    pub fn check(
        &self,
        order: &Order<'_>,
        signer: Option<&Signer>,
        at: i64,
    ) -> Result<(), Refused> {
        // Whatever the body is, its hash is no reason to refuse.
        let signing = signer.map(|signer| (signer, Payload::Body(b""), at));
        self.push_head(&mut Vec::with_capacity(1024), order, signing)
    }

    fn push_signature(
        &self,
        out: &mut Vec<u8>,
        order: &Order<'_>,
        signer: &Signer,
        payload: Payload<'_>,
        at: i64,
    ) -> Result<(), Refused> {
        let covered = self.covered(order);
        signer.push_headers(out, "POST", order.url, &covered, payload, at, accept)
    }

    fn keep(&self, order: &Order<'_>, signer: &Signer, lines: &[u8]) -> Result<(), Refused> {
        if let Some(prepared) = signer.prepare("POST", order.url, &self.covered(order))? {
            self.recent.keep(Head::new(order, lines, prepared));
        }
        Ok(())
    }

    /// The headers that a signature covers, but for its own.
    fn covered<'a>(&'a self, order: &Order<'a>) -> Vec<Header<'a>> {
        let mut covered: Vec<Header<'_>> = Vec::with_capacity(order.members.len() + 2);
        covered.push((b"host", self.host.as_bytes()));
        let extra = self.extra.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in self.members(order).chain(extra) {
            covered.push((name.as_bytes(), value.as_bytes()));
        }
        covered
    }

    /// The members' headers, without those that the client's own replace.
    fn members<'a>(&'a self, order: &Order<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
        let replaced =
            |name: &str| self.extra.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        order.members.iter().copied().filter(move |(name, _)| !replaced(name))
    }
}

fn accept(value: &[u8]) -> Result<(), Refused> {
    Ok(check_value(value)?)
}

/// Appends `Content-Length`.
fn push_length(out: &mut Vec<u8>, mut length: u64) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len() - 1;
    loop {
        digits[start] = b'0' + u8::try_from(length % 10).unwrap_or_default();
        length /= 10;
        if length == 0 {
            break;
        }
        start -= 1;
    }
    for part in [b"Content-Length: ", &digits[start..], b"\r\n"] {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use sagewire_core::sigv4::{Credentials, Payload, Signer, SignerOptions};

    use super::{Order, Refused, Template};

    const ORDER: Order<'_> = Order {
        target: "/endpoints/ep/invocations",
        url: "http://h.test/endpoints/ep/invocations",
        members: &[("Content-Type", "text/csv"), ("Accept", "a/b")],
        trace_id: Some("Root=1"),
        identity: "id",
        progress: "attempt=1; max=3",
        length: Some(2),
    };

    fn signer() -> Signer {
        let credentials = Credentials {
            access_key_id: "AKID".to_owned(),
            secret_access_key: "secret".to_owned(),
            token: Some("token".to_owned()),
            expires_at: None,
        };
        let options = SignerOptions {
            region: "us-east-1".to_owned(),
            service: "sagemaker".to_owned(),
            normalize_path: true,
            double_encode: true,
            content_sha256_header: false,
        };
        Signer::new(credentials, options)
    }

    fn head(template: &Template, order: &Order<'_>) -> Result<Vec<String>, Refused> {
        let mut out = Vec::new();
        template.push_head(&mut out, order, Some((&signer(), Payload::Body(b"{}"), 0)))?;
        Ok(String::from_utf8_lossy(&out).split("\r\n").map(str::to_owned).collect())
    }

    #[test]
    fn headers_stand_in_botos_order() {
        let template = Template::new("h.test".to_owned(), "us", Vec::new(), None).unwrap();
        let names: Vec<_> = head(&template, &ORDER)
            .unwrap()
            .iter()
            .map(|line| line.split(": ").next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            names,
            [
                "POST /endpoints/ep/invocations HTTP/1.1",
                "Host",
                "Accept-Encoding",
                "Content-Type",
                "Accept",
                "User-Agent",
                "X-Amzn-Trace-Id",
                "X-Amz-Date",
                "X-Amz-Security-Token",
                "Authorization",
                "amz-sdk-invocation-id",
                "amz-sdk-request",
                "Content-Length",
                "",
                ""
            ]
        );
    }

    #[test]
    fn a_clients_own_headers_replace_members_and_are_signed() {
        let extra = vec![
            ("accept".to_owned(), "x/y".to_owned()),
            ("user-agent".to_owned(), "me".to_owned()),
        ];
        let template = Template::new("h.test".to_owned(), "us", extra, None).unwrap();
        let lines = head(&template, &Order { length: None, ..ORDER }).unwrap();
        assert_eq!(
            lines[3..7],
            ["Content-Type: text/csv", "X-Amzn-Trace-Id: Root=1", "accept: x/y", "user-agent: me"]
        );
        let authorization = lines.iter().find(|line| line.starts_with("Authorization")).unwrap();
        assert!(authorization.contains("SignedHeaders=accept;content-type;host;x-amz-date;"));
        assert!(lines.contains(&"Transfer-Encoding: chunked".to_owned()));
    }

    #[test]
    fn what_would_end_a_line_is_refused() {
        let template = Template::new("h.test".to_owned(), "us", Vec::new(), None).unwrap();
        let bad = [("Accept", "a\nb")];
        let order = Order { members: &bad, ..ORDER };
        assert!(matches!(head(&template, &order), Err(Refused::Head(_))));
        assert!(head(&template, &Order { target: "/a b", ..ORDER }).is_err());
        assert!(Template::new("h.test".to_owned(), "a\r\nb", Vec::new(), None).is_err());
    }
}
