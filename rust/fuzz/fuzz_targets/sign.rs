//! The signer takes any text for a request: it signs it or says what is wrong, and never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sagewire_core::sigv4::{Credentials, Header, Payload, Signer, SignerOptions};

type Input = (String, String, Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>, i64, bool);

fuzz_target!(|input: Input| {
    let (method, url, headers, body, at, as_for_s3) = input;
    let credentials = Credentials {
        access_key_id: "AKID".into(),
        secret_access_key: "a secret that must not show".into(),
        token: None,
        expires_at: None,
    };
    let options = SignerOptions {
        region: "us-east-1".into(),
        service: "sagemaker".into(),
        normalize_path: !as_for_s3,
        double_encode: !as_for_s3,
        content_sha256_header: as_for_s3,
    };
    let signer = Signer::new(credentials, options);
    let headers: Vec<Header<'_>> =
        headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    // The second input is tried as a URL and as the path of one: random text is hardly ever a URL.
    for url in [url.clone(), format!("https://example.com/{url}")] {
        let payload = Payload::Body(&body);
        let signed = signer.sign(&method, &url, &headers, payload, at);
        let canonical = signer.canonical_request(&method, &url, &headers, payload, at);
        let to_sign = signer.string_to_sign(&method, &url, &headers, payload, at);
        // Every stage refuses what the last one refuses, for the same reason.
        assert_eq!(signed.is_ok(), canonical.is_ok());
        match (signed, to_sign) {
            (Ok(signed), Ok(_)) => assert!(!signed.authorization.contains("must not show")),
            (Err(refused), Err(again)) => assert_eq!(refused.to_string(), again.to_string()),
            _ => panic!("one stage refuses what another takes"),
        }
    }
});
