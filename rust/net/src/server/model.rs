//! Asking the model: the variant, the container or handler, within the time. Twin: `_pure/server/model.py`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use sagewire_core::headers::Operation;

use super::accept::Shared;
use super::call::{Answer, Call, Reply, Whole};
use super::container::{Arrived, Container, NoAnswer};
use super::errors::ServiceError;
use super::exchange::Failure;
use super::fleet::{Endpoint, Group, Target, Variant, Wish};
use super::link::{Link, Undone, wanted};
use super::models::{self, NoModel};
use super::record::Draft;
use super::sessions::{NEW_SESSION, Place};

const TARGET_VARIANT: HeaderName = HeaderName::from_static("x-amzn-sagemaker-target-variant");
const TARGET_MODEL: HeaderName = HeaderName::from_static("x-amzn-sagemaker-target-model");
const TARGET_HOSTNAME: HeaderName =
    HeaderName::from_static("x-amzn-sagemaker-target-container-hostname");
const COMPONENT: HeaderName = HeaderName::from_static("x-amzn-sagemaker-inference-component");
const SESSION_ID: HeaderName = HeaderName::from_static("x-amzn-sagemaker-session-id");
const NEW_SESSION_ID: HeaderName = HeaderName::from_static("x-amzn-sagemaker-new-session-id");
const CLOSED_SESSION_ID: HeaderName = HeaderName::from_static("x-amzn-sagemaker-closed-session-id");
const PREFIX_ID: HeaderName = HeaderName::from_static("x-amzn-sagemaker-prefix-aware-id");
const STREAM_ACCEPT: HeaderName = HeaderName::from_static("x-amzn-sagemaker-accept");
pub(super) const ASYNC_CONTENT_TYPE: HeaderName =
    HeaderName::from_static("x-amzn-sagemaker-content-type");

/// A request to a model: who is asked, and what.
pub(super) struct Question<'a> {
    pub(super) operation: Operation,
    pub(super) name: &'a str,
    pub(super) endpoint: &'a Endpoint,
    /// The connection that it came over, unless it is one for later.
    pub(super) caller: Option<&'a Link>,
    /// What the operation supports of the request's headers.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// How long the model may take until its answer begins.
    pub(super) timeout: Duration,
    /// How long an answer that comes whole may be.
    pub(super) limit: usize,
}

/// What a model said, and which variant it was.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) answer: Answer,
    pub(super) variant: HeaderValue,
}

impl Question<'_> {
    /// Asks, and returns the model's answer, whatever its status.
    pub(super) async fn ask(
        self,
        shared: &Shared,
        draft: &mut Option<Draft>,
    ) -> Result<Said, Failure> {
        let session = self.session(shared)?;
        let variant = self.variant(shared, session.as_ref())?;
        if let Some(draft) = draft {
            draft.record.variant.clone_from(&variant.name);
        }
        let header = variant.header.clone();
        let (answer, container) = match &variant.target {
            Target::Null => (nothing(), None),
            Target::Handler => {
                self.refuse_component()?;
                (self.ask_handler(shared, &variant.name).await?, None)
            }
            Target::Containers(group) => {
                let asking = self.ask_container(shared, group, session.as_ref());
                let asked = wanted(self.caller, self.timeout, asking).await;
                let (answer, container) =
                    asked.unwrap_or_else(|undone| Err(self.undone(shared, undone)))?;
                (answer, Some(container))
            }
        };
        let container = container.as_ref().map_or("", |container| container.name.as_str());
        if let Some(draft) = draft {
            draft.first_byte();
            draft.record.container.push_str(container);
        }
        note_sessions(shared, self.name, &answer.headers, &variant.name, container);
        Ok(Said { answer, variant: header })
    }

    fn text(&self, name: &HeaderName) -> Option<&str> {
        // `members.rs` has checked what may be in there.
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn session(&self, shared: &Shared) -> Result<Option<Place>, ServiceError> {
        let Some(id) = self.headers.get(SESSION_ID) else { return Ok(None) };
        if id == NEW_SESSION {
            return if self.operation == Operation::InvokeEndpointWithResponseStream {
                // Sessions are opened by InvokeEndpoint alone; here the model has another pattern.
                Err(ServiceError::invalid_member(
                    "sessionId",
                    "Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*$",
                ))
            } else {
                Ok(None)
            };
        }
        let id = String::from_utf8_lossy(id.as_bytes());
        let place = shared.sessions.find(self.name, &id, shared.settings.now());
        place.map(Some).ok_or_else(|| ServiceError::session_not_found(self.name, &id))
    }

    fn variant(&self, shared: &Shared, session: Option<&Place>) -> Result<&Variant, ServiceError> {
        if let Some(wanted) = self.headers.get(TARGET_VARIANT) {
            let wanted: String = wanted.as_bytes().iter().copied().map(char::from).collect();
            return self
                .endpoint
                .named(&wanted)
                .ok_or_else(|| ServiceError::variant_not_found(self.name, &wanted));
        }
        let living = session.and_then(|place| self.endpoint.named(&place.variant));
        living
            .or_else(|| self.endpoint.by_weight(&shared.random))
            .ok_or_else(ServiceError::service_unavailable)
    }

    /// An endpoint without components has none to name. Handlers see the member and may use it.
    fn refuse_component(&self) -> Result<(), ServiceError> {
        match self.text(&COMPONENT) {
            Some(wanted) if !self.endpoint.components.is_empty() => {
                Err(ServiceError::component_not_found(self.name, wanted))
            }
            _ => Ok(()),
        }
    }

    fn group<'a>(&'a self, of_variant: &'a Group) -> Result<&'a Group, ServiceError> {
        let components = &self.endpoint.components;
        match self.text(&COMPONENT) {
            None if components.is_empty() => Ok(of_variant),
            None => Err(ServiceError::component_required()),
            Some(_) if components.is_empty() => {
                Err(ServiceError::member_not_supported(self.name, "InferenceComponentName"))
            }
            Some(wanted) => components
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, group)| group)
                .ok_or_else(|| ServiceError::component_not_found(self.name, wanted)),
        }
    }

    async fn ask_handler(&self, shared: &Shared, variant: &str) -> Result<Answer, Failure> {
        let (whole, answer) = Whole::new(self.timeout);
        shared.calls.put(Call {
            endpoint_name: self.name.to_owned(),
            variant_name: variant.to_owned(),
            operation: self.operation,
            headers: as_the_model_sees(self.operation, &self.headers, None),
            body: self.body.clone(),
            whole,
        });
        match wanted(self.caller, self.timeout, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_dropped)) => Err(Failure::Gone),
            Err(undone) => Err(self.undone(shared, undone)),
        }
    }

    fn undone(&self, shared: &Shared, undone: Undone) -> Failure {
        match undone {
            Undone::TimedOut => {
                ServiceError::model_timed_out(self.name, &shared.settings.region).into()
            }
            Undone::Unwanted => Failure::Gone,
        }
    }

    async fn ask_container(
        &self,
        shared: &Shared,
        group: &Group,
        session: Option<&Place>,
    ) -> Result<(Answer, Arc<Container>), Failure> {
        let group = self.group(group)?;
        let hostname = self.text(&TARGET_HOSTNAME);
        if group.is_direct() {
            let hostname = hostname.ok_or_else(|| {
                ServiceError::member_required(self.name, "TargetContainerHostname")
            })?;
            let has = |container: &Arc<Container>| {
                container.address.hostname.as_deref() == Some(hostname)
            };
            if !group.containers.iter().any(has) {
                return Err(ServiceError::hostname_not_found(self.name, hostname).into());
            }
        }
        let target_model = self.text(&TARGET_MODEL);
        if self.endpoint.models_folder.is_some() && target_model.is_none() {
            return Err(ServiceError::member_required(self.name, "TargetModel").into());
        }
        if target_model.is_some_and(|model| model.split('/').any(|part| part == "..")) {
            // The containers would read what lies beside the folder of the models.
            let constraint = "Member must not have .. for a part";
            return Err(ServiceError::invalid_member("targetModel", constraint).into());
        }
        let wish = Wish {
            hostname: hostname.filter(|_| group.is_direct()),
            session: session.map(|place| place.container.as_str()),
            prefix: self.headers.get(PREFIX_ID).map(HeaderValue::as_bytes),
        };
        let mut tried = Vec::new();
        while let Some(container) = group.choose(wish, &tried, &shared.random) {
            match self.ask_one(container, target_model).await {
                Ok(answer) => return Ok((answer, Arc::clone(container))),
                // Nothing was sent, so another one may be asked in its place.
                Err(Failed::NoAnswer(NoAnswer::NotSent)) => {
                    if shared.settings.ping_every.is_some() {
                        container.refused();
                    }
                    tried.push(Arc::clone(container));
                }
                Err(failed) => return Err(self.said_of(shared, failed)),
            }
        }
        if shared.settings.ping_every.is_some() {
            return Err(if group.has_been_well() {
                ServiceError::service_unavailable()
            } else {
                ServiceError::model_not_ready()
            }
            .into());
        }
        Err(self.said_of(shared, Failed::NoAnswer(NoAnswer::Unreachable)))
    }

    async fn ask_one(
        &self,
        container: &Arc<Container>,
        target_model: Option<&str>,
    ) -> Result<Answer, Failed> {
        let path = match (&self.endpoint.models_folder, target_model) {
            (Some(folder), Some(model)) => Some(
                models::loaded(container, folder, model, self.timeout)
                    .await
                    .map_err(Failed::NoModel)?,
            ),
            _ => None,
        };
        let headers = as_the_model_sees(self.operation, &self.headers, Some(&container.host));
        let Arrived { status, headers, body } = container
            .invoke(path.as_deref(), headers, self.body.clone())
            .await
            .map_err(Failed::NoAnswer)?;
        if let (404, Some(model), true) = (status, target_model, path.is_some()) {
            container.models.forget(model);
        }
        let streams = self.operation == Operation::InvokeEndpointWithResponseStream;
        let body = if streams && (200..300).contains(&status) {
            Reply::Container(body)
        } else {
            Reply::Whole(body.read(self.limit).await.map_err(Failed::NoAnswer)?)
        };
        Ok(Answer { status, headers, body })
    }

    fn said_of(&self, shared: &Shared, failed: Failed) -> Failure {
        let (name, region) = (self.name, &shared.settings.region);
        match failed {
            Failed::NoModel(NoModel::NotReady) => ServiceError::model_not_ready(),
            Failed::NoModel(NoModel::Refused(status @ 1.., words)) => {
                ServiceError::model_error(name, region, status, &words)
            }
            Failed::NoAnswer(NoAnswer::Cut) => ServiceError::model_answer_cut(name, region),
            Failed::NoModel(NoModel::Refused(0, _))
            | Failed::NoAnswer(NoAnswer::NotSent | NoAnswer::Unreachable) => {
                ServiceError::model_unreachable(name, region)
            }
        }
        .into()
    }
}

enum Failed {
    NoAnswer(NoAnswer),
    NoModel(NoModel),
}

fn nothing() -> Answer {
    Answer { status: 200, headers: HeaderMap::new(), body: Reply::Whole(Bytes::new()) }
}

/// The request's headers, in order, under the names that the container contract has for them, behind
/// the host if there is one: most clients have it first.
fn as_the_model_sees(
    operation: Operation,
    headers: &HeaderMap,
    host: Option<&HeaderValue>,
) -> HeaderMap {
    let renamed = operation != Operation::InvokeEndpoint;
    // And room for the body's length.
    let mut seen = HeaderMap::with_capacity(headers.len() + 2);
    if let Some(host) = host {
        seen.insert(HOST, host.clone());
    }
    for (name, value) in headers {
        let name = match name {
            given if renamed && given == STREAM_ACCEPT => ACCEPT,
            given if renamed && given == ASYNC_CONTENT_TYPE => CONTENT_TYPE,
            same => same.clone(),
        };
        seen.append(name, value.clone());
    }
    seen
}

fn note_sessions(
    shared: &Shared,
    endpoint: &str,
    headers: &HeaderMap,
    variant: &str,
    container: &str,
) {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(opened) = text(NEW_SESSION_ID) {
        let place = Place { variant: variant.to_owned(), container: container.to_owned() };
        shared.sessions.opened(endpoint, opened, place, shared.settings.now());
    }
    if let Some(closed) = text(CLOSED_SESSION_ID) {
        shared.sessions.closed(endpoint, closed);
    }
}
