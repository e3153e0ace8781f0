//! The models that a container of a multi-model endpoint has loaded; native only, for `serve`.
//!
//! The contract: `POST /models` loads (409: it is loaded already; 507: there is no room, unload
//! another), `DELETE /models/{name}` unloads, `POST /models/{name}/invoke` invokes:
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html>.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request};
use sagewire_core::sigv4::sha256_hex;
use tokio::sync::watch;

use super::container::{Container, NoAnswer};
use super::errors::quoted;

/// How long a model may take to load, however long its first caller waits.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/invoke-multi-model-endpoint.html>
const LOAD_TIMEOUT: Duration = Duration::from_secs(360);
/// What is read of a container's answer about a model.
const LONGEST_ANSWER: usize = 65_536;

/// How far a model has been loaded.
#[derive(Clone, Debug)]
enum State {
    Loading,
    Loaded,
    /// The container's status and words; status 0 if it did not answer.
    Failed(u16, String),
}

/// Why a model cannot be invoked.
#[derive(Debug)]
pub(super) enum NoModel {
    /// It is still being loaded.
    NotReady,
    /// The container said no: its status and its words.
    Refused(u16, String),
}

struct Model {
    state: watch::Receiver<State>,
    used: Instant,
}

/// The models of one container.
#[derive(Default)]
pub(super) struct Models {
    known: Mutex<HashMap<String, Model>>,
}

impl Models {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Model>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be loaded again, because the container does not know it any more.
    pub(super) fn forget(&self, target_model: &str) {
        self.lock().remove(&name_of(target_model));
    }

    /// The least recently used model that is loaded, no longer known as such.
    fn evict(&self) -> Option<String> {
        let mut known = self.lock();
        let loaded =
            known.iter().filter(|(_, model)| matches!(*model.state.borrow(), State::Loaded));
        let oldest = loaded.min_by_key(|(_, model)| model.used).map(|(name, _)| name.clone())?;
        known.remove(&oldest);
        Some(oldest)
    }
}

/// The name by which a container knows a model: opaque, and safe in a path.
fn name_of(target_model: &str) -> String {
    let mut name = sha256_hex(target_model.as_bytes());
    name.truncate(32);
    name
}

/// The path to invoke a model at, once it is loaded.
pub(super) async fn loaded(
    container: &Arc<Container>,
    folder: &str,
    target_model: &str,
    patience: Duration,
) -> Result<String, NoModel> {
    let name = name_of(target_model);
    let mut state = {
        let mut known = container.models.lock();
        let usable = known.get_mut(&name).filter(|model| match *model.state.borrow() {
            State::Loaded => true,
            // Unless whoever loads it is gone.
            State::Loading => model.state.has_changed().is_ok(),
            State::Failed(..) => false,
        });
        if let Some(model) = usable {
            model.used = Instant::now();
            model.state.clone()
        } else {
            let (progress, state) = watch::channel(State::Loading);
            let model = Model { state: state.clone(), used: Instant::now() };
            known.insert(name.clone(), model);
            let url = format!("{}/{target_model}", folder.trim_end_matches('/'));
            tokio::spawn(load(Arc::clone(container), name.clone(), url, progress));
            state
        }
    };
    let settled =
        tokio::time::timeout(patience, state.wait_for(|state| !matches!(state, State::Loading)));
    match settled.await {
        Err(_elapsed) => Err(NoModel::NotReady),
        Ok(Err(_dropped)) => Err(NoModel::Refused(0, String::new())),
        Ok(Ok(state)) => match &*state {
            State::Failed(status, words) => Err(NoModel::Refused(*status, words.clone())),
            State::Loading | State::Loaded => {
                Ok(format!("{}/models/{name}/invoke", base(container)))
            }
        },
    }
}

fn base(container: &Container) -> &str {
    container.address.path.strip_suffix("/invocations").unwrap_or_default()
}

async fn load(
    container: Arc<Container>,
    name: String,
    url: String,
    progress: watch::Sender<State>,
) {
    let body = format!("{{\"model_name\":{},\"url\":{}}}", quoted(&name), quoted(&url));
    let loading = async {
        loop {
            let answer = ask(&container, Method::POST, "", body.clone()).await;
            match answer {
                // No room: somebody has to leave first.
                Ok((507, words)) => match container.models.evict() {
                    Some(oldest) => {
                        let path = format!("/{oldest}");
                        let _left = ask(&container, Method::DELETE, &path, String::new()).await;
                    }
                    None => return State::Failed(507, words),
                },
                Ok((200..=299 | 409, _)) => return State::Loaded,
                Ok((status, words)) => return State::Failed(status, words),
                Err(_) => return State::Failed(0, String::new()),
            }
        }
    };
    let state = tokio::time::timeout(LOAD_TIMEOUT, loading).await;
    let state = state.unwrap_or(State::Failed(0, String::new()));
    if matches!(state, State::Failed(..)) {
        // Whoever waits is told; names that callers make up are not kept.
        container.models.lock().remove(&name);
    }
    progress.send_replace(state);
}

async fn ask(
    container: &Arc<Container>,
    method: Method,
    path: &str,
    body: String,
) -> Result<(u16, String), NoAnswer> {
    let uri = format!("{}/models{path}", base(container));
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = method;
    *request.uri_mut() = uri.parse().map_err(|_no_path| NoAnswer::NotSent)?;
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(HOST, container.host.clone());
    request.headers_mut().insert(CONTENT_TYPE, json);
    let arrived = container.send(request).await?;
    let words = arrived.body.read(LONGEST_ANSWER).await?;
    Ok((arrived.status, String::from_utf8_lossy(&words).into_owned()))
}
