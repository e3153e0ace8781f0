//! Asking containers how they are. Twin: `_pure/server/health.py`.
//!
//! `GET /ping`, and 200 is well:
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html>.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HOST;
use hyper::{Method, Request};
use tokio::task::JoinSet;

use super::accept::Shared;
use super::container::Container;
use super::fleet;

/// How long a container may take for its answer: the contract's two seconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is read of the answer.
const LONGEST_ANSWER: usize = 65_536;

/// Pings every container of the fleet, again and again, all at once each time.
pub(super) async fn watch(shared: Arc<Shared>, every: Duration) {
    loop {
        let fleet = Arc::clone(&shared.fleet.read().unwrap_or_else(PoisonError::into_inner));
        let mut pings = JoinSet::new();
        for container in fleet::containers(&fleet) {
            pings.spawn(async move {
                if tokio::time::timeout(PATIENCE, ping(&container)).await == Ok(true) {
                    container.answered_ping();
                } else {
                    container.missed_ping();
                }
            });
        }
        while pings.join_next().await.is_some() {}
        // A container that is not up yet is looked at more often, so that a start is not slow.
        let all_well = fleet::containers(&fleet).iter().all(|container| container.is_healthy());
        drop(fleet);
        tokio::time::sleep(if all_well { every } else { every.min(Duration::from_millis(250)) })
            .await;
    }
}

async fn ping(container: &Arc<Container>) -> bool {
    let path = container.address.path.strip_suffix("invocations").unwrap_or("/");
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.method_mut() = Method::GET;
    let Ok(uri) = format!("{path}ping").parse() else { return false };
    *request.uri_mut() = uri;
    request.headers_mut().insert(HOST, container.host.clone());
    match container.send(request).await {
        Ok(arrived) => arrived.status == 200 && arrived.body.read(LONGEST_ANSWER).await.is_ok(),
        Err(_) => false,
    }
}
