//! What a request says about its own signature, in its `Authorization` header or in its query.

use super::canonical::Header;
use super::key::parse_signature;
use super::timestamp::Timestamp;
use super::{ALGORITHM, MAX_EXPIRES_IN, SignatureError, TERMINATOR};

/// A signature as it is claimed; nothing of it is proved yet.
pub(crate) struct Claim<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) date: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    /// Lower case, sorted, each once.
    pub(crate) signed_names: Vec<&'a str>,
    pub(crate) signature: [u8; 32],
    pub(crate) timestamp: Timestamp,
    pub(crate) signed_at: i64,
    pub(crate) token: Option<String>,
    /// Seconds, of a presigned request only.
    pub(crate) expires_in: Option<i64>,
}

/// The owned texts that a claim points into.
pub(crate) struct Fields {
    credential: String,
    signed_names: String,
    signature: String,
    date: String,
    token: Option<String>,
    expires: Option<String>,
}

type Result<T> = std::result::Result<T, SignatureError>;

impl Fields {
    /// Finds the signature's fields: in the header, or in the query, and never in both.
    pub(crate) fn find(query: &[u8], headers: &[Header<'_>]) -> Result<Self> {
        let mut authorization =
            headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"authorization"));
        let in_header = authorization.next();
        let in_query = parameters(query).any(|(name, _)| {
            [&b"X-Amz-Signature"[..], b"X-Amz-Algorithm", b"X-Amz-Credential"].contains(&name)
        });
        match (in_header, in_query) {
            (None, false) => Err(SignatureError::missing()),
            (Some(_), true) => Err(SignatureError::incomplete(
                "The request is signed both in its Authorization header and in its query.",
            )),
            (None, true) => Self::from_query(query),
            (Some((_, value)), false) => match authorization.next() {
                None => Self::from_header(value, headers),
                Some(_) => Err(SignatureError::incomplete("The Authorization header is repeated.")),
            },
        }
    }

    fn from_header(value: &[u8], headers: &[Header<'_>]) -> Result<Self> {
        let value = visible(value, "Authorization header")?;
        let (algorithm, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        check_algorithm(algorithm)?;
        let (mut credential, mut names, mut signature) = (None, None, None);
        for part in rest.split(',').map(str::trim) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let place = match key {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut names,
                "Signature" => &mut signature,
                _ => {
                    return Err(SignatureError::incomplete(
                        "Authorization header has a part that is none of Credential, \
                         SignedHeaders and Signature.",
                    ));
                }
            };
            if place.replace(value.to_owned()).is_some() {
                let message = format!("Authorization header repeats '{key}'.");
                return Err(SignatureError::incomplete(message));
            }
        }
        let required = |value: Option<String>, name: &str| {
            value.filter(|value| !value.is_empty()).ok_or_else(|| {
                SignatureError::incomplete(format!(
                    "Authorization header requires '{name}' parameter."
                ))
            })
        };
        Ok(Self {
            credential: required(credential, "Credential")?,
            signed_names: required(names, "SignedHeaders")?,
            signature: required(signature, "Signature")?,
            date: only_header(headers, "x-amz-date")?.ok_or_else(|| {
                SignatureError::incomplete(
                    "Authorization header requires existence of an 'X-Amz-Date' header.",
                )
            })?,
            token: only_header(headers, "x-amz-security-token")?,
            expires: None,
        })
    }

    fn from_query(query: &[u8]) -> Result<Self> {
        let optional = |name: &str| -> Result<Option<String>> {
            let mut found = parameters(query).filter(|(key, _)| *key == name.as_bytes());
            match (found.next(), found.next()) {
                (None, _) => Ok(None),
                (Some((_, value)), None) => decoded(value).map(Some),
                (Some(_), Some(_)) => {
                    let message = format!("Query repeats '{name}'.");
                    Err(SignatureError::incomplete(message))
                }
            }
        };
        let required = |name: &str| {
            optional(name)?.filter(|value| !value.is_empty()).ok_or_else(|| {
                let message = format!("AWS query-string parameters must include '{name}'.");
                SignatureError::incomplete(message)
            })
        };
        check_algorithm(&required("X-Amz-Algorithm")?)?;
        Ok(Self {
            credential: required("X-Amz-Credential")?,
            signed_names: required("X-Amz-SignedHeaders")?,
            signature: required("X-Amz-Signature")?,
            date: required("X-Amz-Date")?,
            token: optional("X-Amz-Security-Token")?,
            expires: Some(required("X-Amz-Expires")?),
        })
    }

    /// Reads the fields: their form only, not their truth.
    pub(crate) fn claim(&self) -> Result<Claim<'_>> {
        let mut scope = self.credential.rsplitn(5, '/');
        let mut part = || {
            scope.next().ok_or_else(|| {
                SignatureError::incomplete(
                    "Credential must have exactly 5 slash-delimited elements, \
                     e.g. keyid/date/region/service/term.",
                )
            })
        };
        let (terminator, service, region, date) = (part()?, part()?, part()?, part()?);
        let access_key_id = part()?;
        if terminator != TERMINATOR {
            return Err(SignatureError::invalid(
                "Credential should be scoped with a valid terminator: 'aws4_request'.",
            ));
        }
        let (timestamp, signed_at) = Timestamp::parse(self.date.as_bytes()).ok_or_else(|| {
            SignatureError::incomplete("Date must be in ISO-8601 'basic format': YYYYMMDDTHHMMSSZ.")
        })?;
        let signed_names: Vec<&str> = self.signed_names.split(';').collect();
        let in_order = signed_names.windows(2).all(|pair| pair[0] < pair[1]);
        let lower = !self.signed_names.bytes().any(|byte| byte.is_ascii_uppercase());
        if !in_order || !lower || signed_names.contains(&"") {
            return Err(SignatureError::incomplete(
                "SignedHeaders must be lower-case header names in order, each once, \
                 joined by semicolons.",
            ));
        }
        let signature = parse_signature(self.signature.as_bytes()).ok_or_else(|| {
            SignatureError::incomplete("Signature must be 64 lower-case hexadecimal digits.")
        })?;
        let expires_in = self.expires.as_deref().map(expiry).transpose()?;
        let token = self.token.clone().filter(|token| !token.is_empty());
        Ok(Claim {
            access_key_id,
            date,
            region,
            service,
            signed_names,
            signature,
            timestamp,
            signed_at,
            token,
            expires_in,
        })
    }
}

fn expiry(text: &str) -> Result<i64> {
    let digits = !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|seconds| digits && (1..=MAX_EXPIRES_IN).contains(seconds)).ok_or_else(
        || {
            SignatureError::incomplete(
                "X-Amz-Expires must be a number of seconds from 1 to 604800.",
            )
        },
    )
}

fn check_algorithm(algorithm: &str) -> Result<()> {
    if algorithm == ALGORITHM {
        return Ok(());
    }
    Err(SignatureError::incomplete("The algorithm must be AWS4-HMAC-SHA256."))
}

fn only_header(headers: &[Header<'_>], name: &str) -> Result<Option<String>> {
    let mut found = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some((_, value)), None) => visible(value, name).map(|text| Some(text.trim().to_owned())),
        (Some(_), Some(_)) => {
            Err(SignatureError::incomplete(format!("The {name} header is repeated.")))
        }
    }
}

fn visible<'a>(value: &'a [u8], name: &str) -> Result<&'a str> {
    let printable = value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    std::str::from_utf8(value).ok().filter(|_| printable).ok_or_else(|| {
        SignatureError::incomplete(format!("The {name} has characters outside visible ASCII."))
    })
}

fn parameters(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    super::canonical::query_pairs(query).map(|pair| match memchr::memchr(b'=', pair) {
        Some(sign) => (&pair[..sign], &pair[sign + 1..]),
        None => (pair, &b""[..]),
    })
}

/// A parameter's value, percent-decoded. Only visible ASCII can stand in a signature's fields.
fn decoded(value: &[u8]) -> Result<String> {
    let refuse = || {
        SignatureError::incomplete(
            "A query parameter of the signature is not percent-encoded ASCII.",
        )
    };
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let [first, after @ ..] = rest {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let pair = digit(high).zip(digit(low)).ok_or_else(refuse)?;
                (u8::try_from(pair.0 * 16 + pair.1).unwrap_or_default(), after)
            }
            (b'%', _) => return Err(refuse()),
            (byte, after) => (*byte, after),
        };
        if !byte.is_ascii_graphic() {
            return Err(refuse());
        }
        text.push(char::from(byte));
        rest = after;
    }
    Ok(text)
}
