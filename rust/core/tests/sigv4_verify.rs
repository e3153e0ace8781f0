//! What a signer makes, a verifier accepts; what it is given, it never panics on.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use sagewire_core::sigv4::{
    Credentials, Header, Identity, Payload, SignatureError, Signer, SignerOptions, Verifier,
    VerifierOptions,
};

const AT: i64 = 1_767_323_045;
const ORIGIN: &str = "https://example.com";

fn credentials(token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: "AKID".into(),
        secret_access_key: "SECRET".into(),
        token: token.map(str::to_owned),
        expires_at: None,
    }
}

fn signer(token: Option<&str>) -> Signer {
    let options = SignerOptions {
        region: "us-east-1".into(),
        service: "sagemaker".into(),
        normalize_path: true,
        double_encode: true,
        content_sha256_header: false,
    };
    Signer::new(credentials(token), options)
}

fn verifier() -> Verifier {
    Verifier::new(VerifierOptions {
        region: "us-east-1".into(),
        service: "sagemaker".into(),
        max_skew: 300,
        normalize_path: true,
        double_encode: true,
    })
}

type Pair = (Vec<u8>, Vec<u8>);

fn borrowed(pairs: &[Pair]) -> Vec<Header<'_>> {
    pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect()
}

fn verify(
    method: &[u8],
    target: &[u8],
    headers: &[Pair],
    body: &[u8],
    token: Option<&str>,
) -> Result<Identity, SignatureError> {
    let lookup = |key: &str| Ok((key == "AKID").then(|| credentials(token)));
    verifier().verify(method, target, &borrowed(headers), Payload::Body(body), lookup, AT)
}

/// A target as it can be sent: no fragment, and no field of a signature in its query.
fn targets() -> impl Strategy<Value = String> {
    "/[a-zA-Z0-9%._~/ é-]{0,20}(\\?[a-z0-9=&%]{0,20})?"
}

fn headers() -> impl Strategy<Value = Vec<Pair>> {
    let named = ("a[a-zA-Z-]{0,8}", "[^\r\n]{0,12}");
    vec(named, 0..4).prop_map(|pairs| {
        let owned = pairs.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes()));
        let host = (b"Host".to_vec(), b"example.com".to_vec());
        std::iter::once(host)
            .chain(owned.filter(|(name, _)| !name.eq_ignore_ascii_case(b"authorization")))
            .collect()
    })
}

fn tokens() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![None, Some("t0k/en+=")])
}

proptest! {
    #[test]
    fn accepts_what_sign_made(
        target in targets(),
        mut pairs in headers(),
        body in vec(any::<u8>(), 0..64),
        token in tokens(),
    ) {
        let url = format!("{ORIGIN}{target}");
        let signed = signer(token)
            .sign("POST", &url, &borrowed(&pairs), Payload::Body(&body), AT)
            .expect("a request that can be sent");
        pairs.push((b"x-amz-date".to_vec(), signed.date.into_bytes()));
        if let Some(token) = token {
            pairs.push((b"x-amz-security-token".to_vec(), token.into()));
        }
        pairs.push((b"authorization".to_vec(), signed.authorization.into_bytes()));
        let identity = verify(b"POST", target.as_bytes(), &pairs, &body, token);
        prop_assert_eq!(identity.map(|identity| identity.signed_at), Ok(AT));
        let other = [body.as_slice(), b"!"].concat();
        prop_assert!(verify(b"POST", target.as_bytes(), &pairs, &other, token).is_err());
        prop_assert!(verify(b"GET", target.as_bytes(), &pairs, &body, token).is_err());
    }

    #[test]
    fn accepts_what_presign_made(target in targets(), pairs in headers(), token in tokens()) {
        let url = format!("{ORIGIN}{target}");
        let presigned = signer(token)
            .presign("POST", &url, &borrowed(&pairs), Payload::Body(b"body"), "60", AT, true)
            .expect("a request that can be sent");
        let target = presigned.strip_prefix(ORIGIN).expect("the same origin");
        let identity = verify(b"POST", target.as_bytes(), &pairs, b"body", token);
        prop_assert_eq!(identity.map(|identity| identity.signed_at), Ok(AT));
        prop_assert!(verify(b"POST", target.as_bytes(), &pairs, b"other", token).is_err());
    }

    #[test]
    fn never_panics(
        method in vec(any::<u8>(), 0..8),
        target in vec(any::<u8>(), 0..64),
        pairs in vec((vec(any::<u8>(), 0..24), vec(any::<u8>(), 0..64)), 0..6),
        body in vec(any::<u8>(), 0..16),
        now in any::<i64>(),
    ) {
        let lookup = |_: &str| Ok::<_, SignatureError>(Some(credentials(None)));
        let (headers, payload) = (borrowed(&pairs), Payload::Body(&body));
        prop_assert!(verifier().verify(&method, &target, &headers, payload, lookup, now).is_err());
        let seen = verifier().explain(&method, &target, &headers, payload, lookup, now);
        prop_assert!(seen.is_ok_and(|seen| seen.difference.is_some()));
    }

    #[test]
    fn never_panics_on_nearly_a_signature(
        fields in vec(prop::sample::select(FIELDS.to_vec()), 0..10),
        noise in vec(any::<u8>(), 0..4),
        now in any::<i64>(),
    ) {
        let mut text = String::new();
        for field in fields {
            write!(text, "{field}").expect("memory");
        }
        let value = [text.as_bytes(), &noise].concat();
        let pairs = [
            (b"host".to_vec(), b"h".to_vec()),
            (b"authorization".to_vec(), [b"AWS4-HMAC-SHA256 ", value.as_slice()].concat()),
            (b"x-amz-date".to_vec(), b"20260102T030405Z".to_vec()),
        ];
        let target = [b"/?".as_slice(), &value].concat();
        let lookup = |_: &str| Ok::<_, SignatureError>(Some(credentials(None)));
        for (target, headers) in [
            (b"/".as_slice(), borrowed(&pairs)),
            (target.as_slice(), borrowed(&pairs[..1])),
        ] {
            let payload = Payload::Body(b"");
            prop_assert!(
                verifier().verify(b"POST", target, &headers, payload, lookup, now).is_err()
            );
        }
    }
}

const FIELDS: [&str; 14] = [
    "Credential=AKID/20260102/us-east-1/sagemaker/aws4_request",
    "SignedHeaders=host;x-amz-date",
    "Signature=0000000000000000000000000000000000000000000000000000000000000000",
    ", ",
    "X-Amz-Algorithm=AWS4-HMAC-SHA256",
    "X-Amz-Credential=AKID%2F20260102%2Fus-east-1%2Fsagemaker%2Faws4_request",
    "X-Amz-Date=20260102T030405Z",
    "X-Amz-Expires=60",
    "X-Amz-SignedHeaders=host",
    "X-Amz-Signature=0000000000000000000000000000000000000000000000000000000000000000",
    "X-Amz-Security-Token=%",
    "&",
    "=",
    "/",
];
