//! Presigning: the signature as query parameters.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html>

use super::canonical::{Header, SignedHeaders, push_component};
use super::key::{push_hex, sha256};
use super::sign::{Payload, Request, Signer, push_scope, text};
use super::timestamp::Timestamp;
use super::url::Url;
use super::{ALGORITHM, InvalidArgument};

impl Signer {
    /// The URL with a signature in its query, valid for `expires_in` seconds from `at`.
    ///
    /// Every header given is signed and has to be sent with the request. `expires_in` is any text:
    /// which one a service takes is the caller's to know. Without `strict`, so are the method and
    /// the headers: nothing is sent here, and boto3 presigns what no client could send.
    #[allow(clippy::too_many_arguments, reason = "the parts of a request, and what is signed")]
    pub fn presign(
        &self,
        method: &str,
        url: &str,
        headers: &[Header<'_>],
        payload: Payload<'_>,
        expires_in: &str,
        at: i64,
        strict: bool,
    ) -> Result<String, InvalidArgument> {
        let request = Request::presigned(method, url, headers, strict)?;
        let timestamp = Timestamp::from_epoch(at)?;
        let mut url = self.unsigned_url(&request, expires_in, timestamp);
        let canonical = self.as_given(&Request { url: Url::parse(&url)?, ..request }, payload);
        let signature = self.signature(timestamp, canonical.as_bytes());
        url.push_str("&X-Amz-Signature=");
        let mut hex = Vec::with_capacity(64);
        push_hex(&mut hex, &signature);
        url.push_str(&text(hex));
        Ok(url)
    }

    /// The canonical request that `presign` would hash, and the string that it would sign.
    #[allow(clippy::too_many_arguments, reason = "as presign's")]
    pub fn presign_stages(
        &self,
        method: &str,
        url: &str,
        headers: &[Header<'_>],
        payload: Payload<'_>,
        expires_in: &str,
        at: i64,
        strict: bool,
    ) -> Result<(String, String), InvalidArgument> {
        let request = Request::presigned(method, url, headers, strict)?;
        let timestamp = Timestamp::from_epoch(at)?;
        let url = self.unsigned_url(&request, expires_in, timestamp);
        let canonical = self.as_given(&Request { url: Url::parse(&url)?, ..request }, payload);
        let mut string_to_sign = Vec::with_capacity(192);
        self.push_string_to_sign(&mut string_to_sign, timestamp, canonical.as_bytes());
        Ok((canonical, text(string_to_sign)))
    }

    /// The canonical request of a request that no header is added to but the host.
    pub(crate) fn as_given(&self, request: &Request<'_>, payload: Payload<'_>) -> String {
        let mut canonical = Vec::with_capacity(1024);
        let mut hash = Vec::with_capacity(64);
        match (request.header("x-amz-content-sha256"), payload) {
            (Some(given), _) => hash.extend_from_slice(given),
            (None, Payload::Hash(given)) => hash.extend_from_slice(given.as_bytes()),
            (None, Payload::Body(body)) => push_hex(&mut hash, &sha256(body)),
        }
        with_host(request, |signed| self.push_canonical(&mut canonical, request, signed, &hash));
        text(canonical)
    }

    /// The URL with all parameters but the signature.
    fn unsigned_url(
        &self,
        request: &Request<'_>,
        expires_in: &str,
        timestamp: Timestamp,
    ) -> String {
        let Url { origin, path, query, .. } = request.url;
        let mut out = Vec::with_capacity(origin.len() + path.len() + 512);
        out.extend_from_slice(origin.as_bytes());
        out.extend_from_slice(path.as_bytes());
        out.push(b'?');
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            out.extend_from_slice(query.as_bytes());
            out.push(b'&');
        }
        let mut credential = self.credentials.access_key_id.clone().into_bytes();
        credential.push(b'/');
        push_scope(&mut credential, timestamp, &self.options.region, &self.options.service);
        let mut names = Vec::with_capacity(64);
        with_host(request, |signed| signed.push_names(&mut names));
        // A header of an empty token is left out; in a query boto3 says that it is empty.
        let token = self.credentials.token.as_deref();
        let parameters = [
            ("X-Amz-Algorithm", Some(ALGORITHM.as_bytes())),
            ("X-Amz-Credential", Some(&*credential)),
            ("X-Amz-Date", Some(timestamp.as_str().as_bytes())),
            ("X-Amz-Expires", Some(expires_in.as_bytes())),
            ("X-Amz-SignedHeaders", Some(&*names)),
            ("X-Amz-Security-Token", token.map(str::as_bytes)),
        ];
        for (number, (name, value)) in
            parameters.iter().filter_map(|(name, value)| Some((name, (*value)?))).enumerate()
        {
            if number > 0 {
                out.push(b'&');
            }
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            push_component(&mut out, value);
        }
        text(out)
    }
}

fn with_host(request: &Request<'_>, hand_over: impl FnOnce(&SignedHeaders<'_>)) {
    let host = request.header("host").is_none().then(|| request.url.host_header());
    let own: Option<Header<'_>> = host.as_ref().map(|host| (&b"host"[..], host.as_bytes()));
    let all = request.headers.iter().copied().chain(own);
    hand_over(&SignedHeaders::all_but_the_unsigned(all));
}
