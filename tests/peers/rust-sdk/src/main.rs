//! `rust-sdk OPERATION ENDPOINT [MEMBER VALUE]...`: one call, its body from standard input.
//!
//! Where to call, and who calls, is said by AWS's environment variables. The answer goes to standard
//! output, a line for each thing: a name, a space, and the value in hexadecimal digits.

use std::collections::HashMap;
use std::env;
use std::io::Read;
use std::process::ExitCode;

use aws_sdk_sagemakerruntime::Client;
use aws_sdk_sagemakerruntime::config::retry::RetryConfig;
use aws_sdk_sagemakerruntime::config::{Config, Credentials, Region};
use aws_sdk_sagemakerruntime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sagemakerruntime::primitives::Blob;
use aws_sdk_sagemakerruntime::types::ResponseStream;

type Said = Vec<(&'static str, Vec<u8>)>;

fn client() -> Result<Client, env::VarError> {
    let credentials = Credentials::new(
        env::var("AWS_ACCESS_KEY_ID")?,
        env::var("AWS_SECRET_ACCESS_KEY")?,
        env::var("AWS_SESSION_TOKEN").ok(),
        None,
        "environment",
    );
    let config = Config::builder()
        .region(Region::new(env::var("AWS_REGION")?))
        .endpoint_url(env::var("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME")?)
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Ok(Client::from_conf(config))
}

fn refused<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Said {
    let text = |text: Option<&str>| text.unwrap_or_default().as_bytes().to_vec();
    vec![("error", text(error.code())), ("message", text(error.message()))]
}

fn given(name: &'static str, value: Option<&str>) -> (&'static str, Vec<u8>) {
    (name, value.unwrap_or_default().as_bytes().to_vec())
}

async fn invoke(client: &Client, endpoint: &str, members: &Members, body: Vec<u8>) -> Said {
    let call = client
        .invoke_endpoint()
        .endpoint_name(endpoint)
        .body(Blob::new(body))
        .set_content_type(members.get("ContentType"))
        .set_accept(members.get("Accept"))
        .set_custom_attributes(members.get("CustomAttributes"))
        .set_target_variant(members.get("TargetVariant"))
        .set_target_model(members.get("TargetModel"))
        .set_session_id(members.get("SessionId"))
        .set_inference_id(members.get("InferenceId"));
    match call.send().await {
        Err(error) => refused(&error),
        Ok(answer) => vec![
            ("Body", answer.body().map(|body| body.as_ref().to_vec()).unwrap_or_default()),
            given("ContentType", answer.content_type()),
            given("CustomAttributes", answer.custom_attributes()),
            given("InvokedProductionVariant", answer.invoked_production_variant()),
        ],
    }
}

async fn stream(client: &Client, endpoint: &str, members: &Members, body: Vec<u8>) -> Said {
    let call = client
        .invoke_endpoint_with_response_stream()
        .endpoint_name(endpoint)
        .body(Blob::new(body))
        .set_content_type(members.get("ContentType"))
        .set_accept(members.get("Accept"))
        .set_custom_attributes(members.get("CustomAttributes"))
        .set_target_variant(members.get("TargetVariant"))
        .set_session_id(members.get("SessionId"))
        .set_inference_id(members.get("InferenceId"));
    let mut answer = match call.send().await {
        Err(error) => return refused(&error),
        Ok(answer) => answer,
    };
    let mut said = vec![
        given("ContentType", answer.content_type.as_deref()),
        given("CustomAttributes", answer.custom_attributes.as_deref()),
        given("InvokedProductionVariant", answer.invoked_production_variant.as_deref()),
    ];
    loop {
        match answer.body.recv().await {
            Ok(Some(ResponseStream::PayloadPart(part))) => {
                let bytes = part.bytes().map(|bytes| bytes.as_ref().to_vec());
                said.push(("Part", bytes.unwrap_or_default()));
            }
            Ok(Some(_)) => said.push(("error", b"an unknown event".to_vec())),
            Ok(None) => return said,
            Err(error) => {
                // Errors inside of a stream come without a code: their class has to do.
                let class = match error.as_service_error() {
                    Some(error) if error.is_model_stream_error() => "ModelStreamError",
                    Some(error) if error.is_internal_stream_failure() => "InternalStreamFailure",
                    _ => "something else",
                };
                said.push(given("error", Some(class)));
                return said;
            }
        }
    }
}

async fn invoke_async(client: &Client, endpoint: &str, members: &Members, body: Vec<u8>) -> Said {
    let body = (!body.is_empty()).then(|| Blob::new(body));
    let call = client
        .invoke_endpoint_async()
        .endpoint_name(endpoint)
        .set_body(body)
        .set_input_location(members.get("InputLocation"))
        .set_content_type(members.get("ContentType"))
        .set_accept(members.get("Accept"))
        .set_custom_attributes(members.get("CustomAttributes"))
        .set_inference_id(members.get("InferenceId"));
    match call.send().await {
        Err(error) => refused(&error),
        Ok(answer) => vec![
            given("InferenceId", answer.inference_id()),
            given("OutputLocation", answer.output_location()),
            given("FailureLocation", answer.failure_location()),
        ],
    }
}

/// The members that were named on the command line.
struct Members(HashMap<String, String>);

impl Members {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

async fn run() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [operation, endpoint, members @ ..] = arguments.as_slice() else {
        return Err("which operation, and which endpoint?".into());
    };
    let pairs = members.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    let members = Members(pairs.collect());
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    let client = client()?;
    let said = match operation.as_str() {
        "invoke_endpoint" => invoke(&client, endpoint, &members, body).await,
        "invoke_endpoint_async" => invoke_async(&client, endpoint, &members, body).await,
        "invoke_endpoint_with_response_stream" => stream(&client, endpoint, &members, body).await,
        other => return Err(format!("{other} is no operation").into()),
    };
    for (name, value) in said {
        let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("{name} {digits}");
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run())
}
