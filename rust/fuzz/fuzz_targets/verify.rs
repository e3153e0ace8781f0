//! The verifier takes any bytes for a request and never panics; it never says yes to a stranger's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sagewire_core::sigv4::{
    Credentials, Header, Payload, SignatureError, Verifier, VerifierOptions,
};

const AT: i64 = 1_767_323_045;

type Input = (Vec<u8>, Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>, bool);

fuzz_target!(|input: Input| {
    let (method, target, mut headers, body, helped) = input;
    if helped {
        // Past the first checks, which random bytes do not pass.
        headers.push((b"host".to_vec(), b"example.com".to_vec()));
        headers.push((b"x-amz-date".to_vec(), b"20260102T030405Z".to_vec()));
        let mut claim =
            b"AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/sagemaker/aws4_request, \
            SignedHeaders=host;x-amz-date, Signature="
                .to_vec();
        claim.extend(body.iter().take(32).flat_map(|byte| format!("{byte:02x}").into_bytes()));
        headers.push((b"Authorization".to_vec(), claim));
    }
    let verifier = Verifier::new(VerifierOptions {
        region: "us-east-1".into(),
        service: "sagemaker".into(),
        max_skew: 300,
        normalize_path: true,
        double_encode: true,
    });
    let borrowed: Vec<Header<'_>> =
        headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    let lookup = |key: &str| {
        Ok::<_, SignatureError>((key == "AKID").then(|| Credentials {
            access_key_id: "AKID".into(),
            secret_access_key: "a secret that no input knows".into(),
            token: None,
            expires_at: None,
        }))
    };
    let verified = verifier.verify(&method, &target, &borrowed, Payload::Body(&body), lookup, AT);
    assert!(verified.is_err(), "a signature was made without the secret");
    let explained = verifier.explain(&method, &target, &borrowed, Payload::Body(&body), lookup, AT);
    drop(explained);
});
