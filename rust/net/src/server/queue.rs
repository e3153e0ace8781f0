//! Asynchronous invocations: accepted now, done by workers, their results written as objects.
//!
//! The members and their limits are the API model's; what they mean is said in
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html>.
//! Twin: `_pure/server/queue.py`.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use sagewire_core::headers::Operation;
use tokio::sync::{Notify, watch};

use super::accept::Shared;
use super::call::{Part, Reply};
use super::errors::{ServiceError, quoted};
use super::exchange::Failure;
use super::journal::{Journal, Request};
use super::locations::Location;
use super::model::Question;
use super::storage::{NotWritten, Storage, StorageSettings, blocking};

/// The longest body that may come with a request.
pub(super) const MAX_INLINE_BYTES: usize = 128_000;
/// The longest input, and the longest result: the service's 1 GB.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html>
const MAX_OBJECT_BYTES: usize = 1 << 30;
/// How long a request waits for a container before it is tried again.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a result that cannot be written waits before it is tried again.
const WRITE_PAUSE: Duration = Duration::from_secs(1);

const INPUT: &str = "x-amzn-sagemaker-inputlocation";
const FILENAME: &str = "x-amzn-sagemaker-filename";
const EXTENSION: &str = "x-amzn-sagemaker-s3outputpathextension";
const LIVES: &str = "x-amzn-sagemaker-requestttlseconds";
const TIMEOUT: &str = "x-amzn-sagemaker-invocationtimeoutseconds";
const LOCATION_ALLOWED: &str = "Member must name an object of a bucket: s3://...";

/// What a queue is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// The file of what waits; `None` to keep it in memory.
    pub database: Option<PathBuf>,
    /// Where inputs and results are.
    pub storage: StorageSettings,
    /// What results are put under.
    pub output: Location,
    /// What failures are put under.
    pub failure: Location,
    /// How many requests are done at a time.
    pub workers: usize,
}

/// A request in the queue.
struct Waiting {
    /// Its row, if there is a journal.
    number: u64,
    request: Request,
    /// Its body, if there is no journal to read it from.
    body: Bytes,
}

/// What a caller is told.
pub(super) struct Accepted {
    pub(super) output: String,
    pub(super) failure: String,
    pub(super) inference_id: String,
}

/// The queue of a server.
pub(super) struct Queue {
    settings: QueueSettings,
    storage: Storage,
    journal: Option<Arc<Journal>>,
    waiting: Mutex<VecDeque<Waiting>>,
    arrived: Notify,
    unwritten: AtomicUsize,
}

impl Queue {
    /// Opens the queue, with what waited when the last process ended.
    pub(super) fn open(settings: QueueSettings) -> io::Result<Self> {
        let storage = Storage::new(&settings.storage)?;
        let journal = settings.database.as_deref().map(Journal::open).transpose()?.map(Arc::new);
        let mut waiting = VecDeque::new();
        if let Some(journal) = &journal {
            let rows = journal.all()?.into_iter();
            waiting.extend(rows.map(|(number, request)| Waiting {
                number,
                request,
                body: Bytes::new(),
            }));
        }
        Ok(Self {
            settings,
            storage,
            journal,
            waiting: Mutex::new(waiting),
            arrived: Notify::new(),
            unwritten: AtomicUsize::new(0),
        })
    }

    pub(super) fn workers(&self) -> usize {
        self.settings.workers
    }

    /// How many requests wait.
    pub(super) fn depth(&self) -> usize {
        self.lock().len()
    }

    /// Takes a request, for good: it has been written down when this returns.
    pub(super) async fn accept(
        &self,
        shared: &Shared,
        endpoint: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Accepted, Failure> {
        let id = shared.random.id();
        let request = self.request(endpoint, headers, &body, &id, shared.settings.now())?;
        let accepted = Accepted {
            output: request.output.clone(),
            failure: request.failure.clone(),
            inference_id: text(headers, "x-amzn-sagemaker-inference-id").unwrap_or(id),
        };
        let waiting = match &self.journal {
            None => Waiting { number: 0, request, body },
            Some(journal) => {
                let journal = Arc::clone(journal);
                let written = blocking(move || {
                    let number = journal.add(&request, &body)?;
                    Ok(Waiting { number, request, body: Bytes::new() })
                });
                written.await.map_err(|_disk| ServiceError::internal_failure())?
            }
        };
        self.lock().push_back(waiting);
        self.arrived.notify_one();
        Ok(accepted)
    }

    fn request(
        &self,
        endpoint: &str,
        headers: &HeaderMap,
        body: &Bytes,
        id: &str,
        now: i64,
    ) -> Result<Request, ServiceError> {
        if body.len() > MAX_INLINE_BYTES {
            return Err(ServiceError::body_too_large(MAX_INLINE_BYTES));
        }
        let input = text(headers, INPUT);
        if input.is_some() != body.is_empty() {
            return Err(ServiceError::one_input());
        }
        let wrong_place = |member| ServiceError::invalid_member(member, LOCATION_ALLOWED);
        if input.as_deref().is_some_and(|input| Location::parse(input).is_none()) {
            return Err(wrong_place("inputLocation"));
        }
        let timeout = integer(headers, TIMEOUT, "invocationTimeoutSeconds", 1, 3600, 900)?;
        let lives = integer(headers, LIVES, "requestTTLSeconds", 60, 21_600, 21_600)?;
        let filename = text(headers, FILENAME);
        let extension = text(headers, EXTENSION);
        check_filename(filename.as_deref())?;
        check_extension(extension.as_deref())?;
        let made = format!("{id}.out");
        let (below, name) = (extension.as_deref().unwrap_or(""), filename.as_deref());
        let named = if filename.is_some() { "filename" } else { "s3OutputPathExtension" };
        let output = self.settings.output.join(&[below, name.unwrap_or(&made)]);
        let failure = self.settings.failure.join(&[&format!("{id}-error.out")]);
        let seen = [
            ("x-amzn-sagemaker-content-type", "content-type"),
            ("x-amzn-sagemaker-accept", "accept"),
            ("x-amzn-sagemaker-custom-attributes", "x-amzn-sagemaker-custom-attributes"),
            ("x-amzn-sagemaker-inference-id", "x-amzn-sagemaker-inference-id"),
        ];
        let passed = headers.iter().filter_map(|(name, value)| {
            let (_, as_seen) = seen.iter().find(|(given, _)| name.as_str() == *given)?;
            Some(((*as_seen).to_owned(), latin1(value)))
        });
        Ok(Request {
            endpoint: endpoint.to_owned(),
            headers: passed.collect(),
            input,
            output: output.ok_or_else(|| wrong_place(named))?.to_string(),
            failure: failure.ok_or_else(|| wrong_place(named))?.to_string(),
            accepted_at: now,
            lives,
            timeout: timeout.unsigned_abs(),
        })
    }

    /// Writes what came of a request; false if there can be no object that says so. It then stays
    /// in the journal, for a next process with other settings.
    async fn write(&self, request: &Request, mut place: Location, mut content: Bytes) -> bool {
        loop {
            match self.storage.write(&place, content.clone()).await {
                Ok(()) => return true,
                // Nothing that was accepted is lost because a disk is full or a network away.
                Err(NotWritten::Now) => {
                    self.unwritten.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(WRITE_PAUSE).await;
                }
                Err(NotWritten::Never) => {
                    self.unwritten.fetch_add(1, Ordering::Relaxed);
                    let words = format!("The result cannot be written at {place}.");
                    // A location when it was written down; the same one is not tried twice.
                    match Location::parse(&request.failure) {
                        Some(failure) if failure != place => place = failure,
                        _ => return false,
                    }
                    content = format!("{{\"Message\":{}}}", quoted(&words)).into();
                }
            }
        }
    }

    /// How often something could not be written where it should be.
    pub(super) fn unwritten(&self) -> usize {
        self.unwritten.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does requests, one after the other, until the server is told to stop.
pub(super) async fn work(shared: Arc<Shared>, mut stopping: watch::Receiver<Option<Duration>>) {
    let Some(queue) = &shared.queue else { return };
    while stopping.borrow().is_none() {
        let next = queue.lock().pop_front();
        let Some(waiting) = next else {
            tokio::select! {
                () = queue.arrived.notified() => continue,
                _changed = stopping.changed() => return,
            }
        };
        if queue.lock().front().is_some() {
            queue.arrived.notify_one();
        }
        match result_of(&shared, queue, &waiting).await {
            Outcome::Done(location, content) => {
                let written = queue.write(&waiting.request, location, content).await;
                if let (true, Some(journal)) = (written, &queue.journal) {
                    let journal = Arc::clone(journal);
                    let _done_again_at_worst =
                        blocking(move || journal.remove(waiting.number)).await;
                }
            }
            Outcome::Later => {
                // To the end, so that one endpoint without containers does not hold up the others.
                queue.lock().push_back(waiting);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

enum Outcome {
    /// What to write, and where.
    Done(Location, Bytes),
    /// There is nobody to ask at the moment.
    Later,
}

async fn result_of(shared: &Arc<Shared>, queue: &Queue, waiting: &Waiting) -> Outcome {
    let request = &waiting.request;
    // Both were locations when they were written down.
    let place =
        |text: &str| Location::parse(text).unwrap_or_else(|| queue.settings.failure.clone());
    let failed = |words: String| Outcome::Done(place(&request.failure), words.into());
    let message = |words: &str| failed(format!("{{\"Message\":{}}}", quoted(words)));
    if shared.settings.now() >= request.accepted_at.saturating_add(request.lives) {
        return message("The request expired: it waited longer than its RequestTTLSeconds.");
    }
    let body = match (&request.input, &queue.journal) {
        (Some(input), _) => queue.storage.read(&place(input), MAX_OBJECT_BYTES).await,
        (None, None) => Ok(waiting.body.clone()),
        (None, Some(journal)) => {
            let (journal, number) = (Arc::clone(journal), waiting.number);
            blocking(move || journal.body(number)).await
        }
    };
    let Ok(body) = body else {
        let input = request.input.as_deref().unwrap_or_default();
        return message(&format!("The input at {input} cannot be read."));
    };
    match ask(shared, request, body).await {
        Ok(answer) => Outcome::Done(place(&request.output), answer),
        Err(Failure::Gone) => Outcome::Later,
        Err(Failure::Service(error)) if error.may_pass() => Outcome::Later,
        Err(Failure::Service(error)) => failed(error.body),
    }
}

async fn ask(shared: &Arc<Shared>, request: &Request, body: Bytes) -> Result<Bytes, Failure> {
    let name = request.endpoint.as_str();
    let region = &shared.settings.region;
    let fleet = Arc::clone(&shared.fleet.read().unwrap_or_else(PoisonError::into_inner));
    let endpoint = fleet.get(name).ok_or_else(|| ServiceError::endpoint_not_found(name))?;
    let timeout = Duration::from_secs(request.timeout);
    let question = Question {
        operation: Operation::InvokeEndpointAsync,
        name,
        endpoint,
        caller: None,
        headers: header_map(&request.headers),
        body,
        timeout,
        limit: MAX_OBJECT_BYTES,
    };
    let answering = async {
        let answer = question.ask(shared, &mut None).await?.answer;
        let whole = match answer.body {
            Reply::Whole(whole) => whole,
            Reply::Parts(mut parts) => {
                let mut whole = BytesMut::new();
                loop {
                    match std::future::poll_fn(|context| match parts.poll_part(context) {
                        Poll::Ready(part) => Poll::Ready(part),
                        Poll::Pending => Poll::Pending,
                    })
                    .await
                    {
                        Some(Part::Data(part)) => whole.extend_from_slice(&part),
                        Some(Part::End) => break whole.freeze(),
                        Some(Part::Broken(words)) => {
                            return Err(ServiceError::model_error(name, region, 500, &words).into());
                        }
                        None => return Err(ServiceError::model_answer_cut(name, region).into()),
                    }
                }
            }
            // Only response streams are passed on as they come.
            Reply::Container(_) => return Err(ServiceError::model_answer_cut(name, region).into()),
        };
        if (200..300).contains(&answer.status) {
            return Ok(whole);
        }
        let words = String::from_utf8_lossy(&whole);
        Err(ServiceError::model_error(name, region, answer.status, &words).into())
    };
    let answered = tokio::time::timeout(timeout, answering).await;
    answered.unwrap_or_else(|_elapsed| Err(ServiceError::model_timed_out(name, region).into()))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(latin1)
}

fn latin1(value: &HeaderValue) -> String {
    value.as_bytes().iter().copied().map(char::from).collect()
}

fn header_map(pairs: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let value: Vec<u8> = value.chars().filter_map(|byte| u8::try_from(byte).ok()).collect();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value))
        {
            headers.append(name, value);
        }
    }
    headers
}

fn integer(
    headers: &HeaderMap,
    header: &str,
    member: &str,
    least: i64,
    most: i64,
    usual: i64,
) -> Result<i64, ServiceError> {
    let Some(given) = text(headers, header) else { return Ok(usual) };
    let wrong = |constraint: &str| Err(ServiceError::invalid_member(member, constraint));
    match given.parse::<i64>() {
        Err(_) => wrong("Member must be an integer"),
        Ok(value) if value < least => {
            wrong(&format!("Member must have value greater than or equal to {least}"))
        }
        Ok(value) if value > most => {
            wrong(&format!("Member must have value less than or equal to {most}"))
        }
        Ok(value) => Ok(value),
    }
}

/// Letters, digits, hyphens, underscores, and at most one dot.
fn check_filename(given: Option<&str>) -> Result<(), ServiceError> {
    let Some(given) = given else { return Ok(()) };
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    check_length("filename", given, 32)?;
    let good = given.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && given.bytes().all(sound)
        && given.matches('.').count() < 2;
    let pattern = "^(?!.*\\..*\\.)[a-zA-Z0-9][a-zA-Z0-9-_\\.]*$";
    if good { Ok(()) } else { Err(pattern_error("filename", pattern)) }
}

fn check_extension(given: Option<&str>) -> Result<(), ServiceError> {
    let Some(given) = given else { return Ok(()) };
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"!_.*'()/-".contains(&byte);
    check_length("s3OutputPathExtension", given, 512)?;
    let good = !given.is_empty() && given.bytes().all(sound);
    let pattern = "^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$";
    if good { Ok(()) } else { Err(pattern_error("s3OutputPathExtension", pattern)) }
}

fn check_length(member: &str, given: &str, longest: usize) -> Result<(), ServiceError> {
    if given.chars().count() <= longest {
        return Ok(());
    }
    let constraint = format!("Member must have length less than or equal to {longest}");
    Err(ServiceError::invalid_member(member, &constraint))
}

fn pattern_error(member: &str, pattern: &str) -> ServiceError {
    let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
    ServiceError::invalid_member(member, &constraint)
}
