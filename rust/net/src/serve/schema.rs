//! What may stand in a configuration file. docs/serve.md explains every key.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) server: Server,
    pub(super) admin: Option<Admin>,
    pub(super) tls: Option<Tls>,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) credentials: Vec<Credentials>,
    pub(super) queue: Option<Queue>,
    pub(super) endpoints: Spanned<BTreeMap<Spanned<String>, Endpoint>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) address: Option<Spanned<String>>,
    pub(super) port: Option<u16>,
    pub(super) region: Option<Spanned<String>>,
    pub(super) threads: Option<Spanned<usize>>,
    pub(super) access_log: Option<String>,
    pub(super) grace_seconds: Option<Spanned<f64>>,
    pub(super) ping_seconds: Option<Spanned<f64>>,
    pub(super) session_seconds: Option<Spanned<f64>>,
    pub(super) no_auth: Option<Spanned<bool>>,
    pub(super) credentials_from: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) address: Option<Spanned<String>>,
    pub(super) port: u16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: Spanned<String>,
    pub(super) key: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Queue {
    pub(super) database: Spanned<String>,
    pub(super) folder: Option<String>,
    pub(super) s3: Option<S3>,
    pub(super) output: Spanned<String>,
    pub(super) failure: Spanned<String>,
    pub(super) workers: Option<Spanned<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct S3 {
    pub(super) endpoint: Spanned<String>,
    pub(super) region: Option<Spanned<String>>,
    pub(super) ca_bundle: Option<String>,
    pub(super) access_key_id: Spanned<String>,
    pub(super) secret_access_key: Option<Spanned<String>>,
    pub(super) secret_access_key_env: Option<Spanned<String>>,
    pub(super) session_token: Option<String>,
    pub(super) session_token_env: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) body_bytes: Option<Spanned<usize>>,
    pub(super) head_bytes: Option<Spanned<usize>>,
    pub(super) head_seconds: Option<Spanned<f64>>,
    pub(super) body_seconds: Option<Spanned<f64>>,
    pub(super) send_seconds: Option<Spanned<f64>>,
    pub(super) connections: Option<Spanned<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    pub(super) access_key_id: Spanned<String>,
    pub(super) secret_access_key: Option<Spanned<String>>,
    pub(super) secret_access_key_env: Option<Spanned<String>>,
    pub(super) session_token: Option<String>,
    pub(super) session_token_env: Option<Spanned<String>>,
    pub(super) endpoints: Option<Vec<String>>,
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("S3")
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credentials")
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoint {
    pub(super) url: Option<Spanned<String>>,
    pub(super) variants: Option<Vec<Variant>>,
    #[serde(default)]
    pub(super) components: Vec<Component>,
    pub(super) models_folder: Option<Spanned<String>>,
    pub(super) model_seconds: Option<Spanned<f64>>,
    pub(super) stream_seconds: Option<Spanned<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variant {
    pub(super) name: Spanned<String>,
    pub(super) weight: Option<Spanned<f64>>,
    pub(super) containers: Spanned<Vec<Container>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Component {
    pub(super) name: Spanned<String>,
    pub(super) containers: Spanned<Vec<Container>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Container {
    pub(super) url: Spanned<String>,
    pub(super) hostname: Option<Spanned<String>>,
}
