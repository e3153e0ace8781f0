//! The AWS test suite for SigV4: every case, every stage, in the header and in the query.
//!
//! The cases are recorded vectors beside the checkout (`../shared/vectors`, or where
//! `SAGEWIRE_VECTORS` says). They are not part of a clone; without them the test says so and passes.

use std::io::Write;
use std::path::PathBuf;
use std::{env, fs, io};

use sagewire_core::sigv4::{Credentials, Header, Payload, Signer, SignerOptions};
use serde_json::Value;

struct Case {
    id: String,
    recorded: Value,
    signer: Signer,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    expires_in: i64,
    at: i64,
}

impl Case {
    fn new(recorded: Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let (context, request) = (&recorded["context"], &recorded["request"]);
        let known = &context["credentials"];
        let credentials = Credentials {
            access_key_id: text(&known["access_key_id"]),
            secret_access_key: text(&known["secret_access_key"]),
            token: known["token"].as_str().map(str::to_owned),
            expires_at: None,
        };
        let options = SignerOptions {
            region: text(&context["region"]),
            service: text(&context["service"]),
            normalize_path: context["normalize"].as_bool().expect("a flag"),
            double_encode: true,
            content_sha256_header: context["sign_body"].as_bool().expect("a flag"),
        };
        // All cases are of one second.
        assert_eq!(context["timestamp"], "2015-08-30T12:36:00Z");
        let headers = request["headers"].as_array().expect("a list").iter();
        Self {
            id: text(&recorded["id"]),
            signer: Signer::new(credentials, options),
            method: text(&request["method"]),
            url: format!("https://example.amazonaws.com{}", text(&request["target"])),
            headers: headers.map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
            body: text(&request["body"]),
            expires_in: context["expiration_in_seconds"].as_i64().expect("a number"),
            at: 1_440_938_160,
            recorded,
        }
    }

    fn headers(&self) -> Vec<Header<'_>> {
        self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
    }

    fn check_header(&self) {
        let (headers, body) = (self.headers(), Payload::Body(self.body.as_bytes()));
        let (method, url, wanted) = (&self.method, &self.url, &self.recorded["header"]);
        let canonical = self.signer.canonical_request(method, url, &headers, body, self.at);
        assert_eq!(canonical.as_deref(), Ok(of(wanted, "canonical-request")), "{}", self.id);
        let to_sign = self.signer.string_to_sign(method, url, &headers, body, self.at);
        assert_eq!(to_sign.as_deref(), Ok(of(wanted, "string-to-sign")), "{}", self.id);
        let signed = self.signer.sign(method, url, &headers, body, self.at).expect("signed");
        let signature = format!(", Signature={}", of(wanted, "signature"));
        assert!(signed.authorization.ends_with(&signature), "{}", self.id);
    }

    fn check_query(&self) {
        let (headers, body) = (self.headers(), Payload::Body(self.body.as_bytes()));
        let (method, url, wanted) = (&self.method, &self.url, &self.recorded["query"]);
        let (expires_in, at) = (&*self.expires_in.to_string(), self.at);
        let (canonical, to_sign) = self
            .signer
            .presign_stages(method, url, &headers, body, expires_in, at, true)
            .expect("presigned");
        assert_eq!(canonical, of(wanted, "canonical-request"), "{}", self.id);
        assert_eq!(to_sign, of(wanted, "string-to-sign"), "{}", self.id);
        let url = self.signer.presign(method, url, &headers, body, expires_in, at, true);
        let signature = format!("&X-Amz-Signature={}", of(wanted, "signature"));
        assert!(url.expect("presigned").ends_with(&signature), "{}", self.id);
    }
}

fn of<'a>(stage: &'a Value, name: &str) -> &'a str {
    stage[name].as_str().expect("a text")
}

fn cases() -> Vec<Case> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let folder = env::var_os("SAGEWIRE_VECTORS").map_or_else(|| beside.into(), PathBuf::from);
    let Ok(text) = fs::read_to_string(folder.join("sigv4_suite.jsonl")) else {
        // Past the test harness, which keeps what passing tests print to itself.
        let note = format!("not run: {} is not part of a clone\n", folder.display());
        let _ = io::stderr().write_all(note.as_bytes());
        return Vec::new();
    };
    text.lines().map(|line| Case::new(serde_json::from_str(line).expect("JSON"))).collect()
}

#[test]
fn every_stage_in_the_header() {
    cases().iter().for_each(Case::check_header);
}

#[test]
fn every_stage_in_the_query() {
    cases().iter().for_each(Case::check_query);
}
