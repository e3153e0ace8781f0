//! One connection and the exchange on it, as a state machine that is driven and never waits.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use super::channel::{Channel, Written};
use super::outcome::{Answer, Outcome};
use crate::transport::body::{Framing, Piece};
use crate::transport::connect::timeout;
use crate::transport::deadline::{Expired, Limits, Stage};
use crate::transport::error::{TransportError, python_words};
use crate::transport::exchange::DRAIN_BYTES;
use crate::transport::head::{HeadScanner, ResponseHead};
use crate::transport::proxy::TunnelAnswer;
use crate::transport::reading::{Before, Read, broken, cut_off, take_arrived};
use crate::transport::timing::{Times, Timing};
use crate::transport::tls::words_of_tls;

/// The most that one connection moves before others have their turn, in bytes.
const SLICE_BYTES: usize = 1 << 18;

/// How far driving has come.
pub(crate) enum Driven {
    Finished(Result<Outcome, TransportError>),
    /// Until the socket says something, or time runs out.
    Waiting,
    /// More can be done at once, when others have had their turn.
    Later,
}

/// What is in progress.
enum State {
    /// TCP; the addresses that are left, each with the whole connect time-out.
    Connecting(VecDeque<SocketAddr>),
    /// Asking the proxy for a tunnel.
    Tunnelling(TunnelAnswer),
    /// TLS.
    Shaking,
    /// Head and body on their way; whether the answer is to be received next.
    Sending(bool),
    Receiving(HeadScanner),
    Reading(Read),
    /// Whatever has arrived of the body.
    ReadingSome,
    /// Nothing: the caller's turn.
    Resting,
}

/// How far the way to the origin has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    /// TLS with an https proxy.
    ProxysTls,
    Tunnel,
    OriginsTls,
    Open,
}

/// How a body goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upload {
    Plain,
    Chunked,
    /// Not at all any more: a write has failed.
    Broken,
}

/// A connection and the exchange on it.
pub(crate) struct Conversation {
    /// Which exchange this is; what is left of an older one has no say any more.
    pub(crate) serial: u64,
    pub(crate) channel: Channel,
    state: State,
    pub(crate) limits: Limits,
    framing: Framing,
    /// The length that the head states.
    stated: Option<u64>,
    /// What a read that is made in pieces has given.
    given: Before,
    upload: Upload,
    /// The answer's head is with the caller, and so is the rest.
    pub(crate) answered: bool,
    /// Something of the answer has arrived.
    heard: bool,
    reusable: bool,
    /// When the wait in progress is over.
    pub(crate) expires: Option<Instant>,
    /// The earliest time at which the reactor looks at `expires`.
    pub(crate) scheduled: Option<Instant>,
    pub(crate) way: Way,
    /// How long the look-up of the name took.
    pub(crate) looked_up: Duration,
    timing: Timing,
    /// When the part that goes on began.
    since: Instant,
    /// The parts of the exchange whose answer is being read.
    times: Times,
}

impl Conversation {
    /// A connection on its way to the first of the addresses; `left` are the others.
    pub(crate) fn connecting(
        socket: TcpStream,
        left: VecDeque<SocketAddr>,
        limits: Limits,
    ) -> Self {
        Self {
            serial: 0,
            channel: Channel::new(socket),
            state: State::Connecting(left),
            limits,
            framing: Framing::Done,
            stated: None,
            given: Before::default(),
            upload: Upload::Plain,
            answered: false,
            heard: false,
            reusable: false,
            expires: None,
            scheduled: None,
            way: Way::Tcp,
            looked_up: Duration::ZERO,
            timing: Timing::default(),
            since: Instant::now(),
            times: Times::default(),
        }
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.since, now)
    }

    /// The addresses that are left to try, if it is still connecting.
    pub(crate) fn addresses_left(&mut self) -> Option<&mut VecDeque<SocketAddr>> {
        match &mut self.state {
            State::Connecting(left) => Some(left),
            _ => None,
        }
    }

    /// What became of the TCP connection: `None` while it is on its way.
    pub(crate) fn connected(&self) -> Option<io::Result<()>> {
        match self.channel.socket.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return Some(Err(error)),
        }
        match self.channel.socket.peer_addr() {
            Ok(_) => Some(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// The way is there as far as TCP goes.
    pub(crate) fn arrive(&mut self) {
        self.timing.connect = self.looked_up + self.lap();
    }

    /// TLS with the origin is there.
    pub(crate) fn secured(&mut self) {
        self.timing.tls = self.lap();
    }

    /// TLS is next, if there is any.
    pub(crate) fn shake(&mut self) {
        self.state = State::Shaking;
    }

    /// Asks the proxy for a tunnel.
    pub(crate) fn tunnel(&mut self, request: &str) {
        self.channel.outgoing.extend_from_slice(request.as_bytes());
        self.state = State::Tunnelling(TunnelAnswer::default());
    }

    /// Prepares the sending of a head that is in `outgoing`; `answer`: and then the receiving.
    pub(crate) fn send(&mut self, answer: bool) {
        self.state = State::Sending(answer);
    }

    /// Begins an exchange.
    pub(crate) fn begin(&mut self, limits: Limits) {
        self.upload = Upload::Plain;
        self.answered = false;
        self.heard = false;
        self.limits = limits;
        self.since = Instant::now();
    }

    /// Says how the pieces of the body are framed.
    pub(crate) fn frame(&mut self, chunked: bool) {
        self.upload = if chunked { Upload::Chunked } else { Upload::Plain };
    }

    /// Frames a piece of a streamed body.
    pub(crate) fn queue_piece(&mut self, piece: &[u8]) {
        let outgoing = &mut self.channel.outgoing;
        match self.upload {
            Upload::Broken => {}
            _ if piece.is_empty() => {}
            Upload::Plain => outgoing.extend_from_slice(piece),
            Upload::Chunked => {
                outgoing.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                outgoing.extend_from_slice(piece);
                outgoing.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Ends a streamed body.
    pub(crate) fn queue_end(&mut self) {
        if self.upload == Upload::Chunked {
            self.channel.outgoing.extend_from_slice(b"0\r\n\r\n");
        }
    }

    /// Begins a read of the body, or goes on with one that is made in pieces.
    pub(crate) fn read(&mut self, amount: Option<usize>, goes_on: bool) {
        let before = if goes_on { self.given } else { Before::default() };
        self.state = State::Reading(Read::new(amount, &self.framing).going_on(before));
    }

    /// Begins a read of whatever arrives next of the body.
    pub(crate) fn read_some(&mut self) {
        self.state = State::ReadingSome;
    }

    /// Whether a connection that had served before ended before anything of an answer came.
    pub(crate) fn died_idle(&self) -> bool {
        self.serial > 0 && !self.heard
    }

    /// Whether the caller has the turn.
    pub(crate) fn is_resting(&self) -> bool {
        matches!(self.state, State::Resting)
    }

    /// Whether so much of the body is here already that reading `amount` bytes needs no wait.
    pub(crate) fn is_here(&self, amount: Option<usize>) -> bool {
        match self.framing {
            Framing::Length(left) => {
                let left = usize::try_from(left).unwrap_or(usize::MAX);
                self.channel.arrived.here().len() >= amount.map_or(left, |amount| amount.min(left))
            }
            _ => amount == Some(0),
        }
    }

    /// Whether the body is over, and nothing stands in the way of the next exchange.
    pub(crate) fn is_reusable(&mut self) -> bool {
        self.reusable && self.upload != Upload::Broken && self.channel.is_drained()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.framing == Framing::Done
    }

    /// Uses up what is left of a body that nobody wants, if all of it is here already.
    pub(crate) fn drain(&mut self) -> bool {
        let mut left = DRAIN_BYTES;
        while self.framing != Framing::Done {
            let arrived = &mut self.channel.arrived;
            match self.framing.next(arrived.here(), left) {
                Ok(Piece::Data(count)) if count > 0 => {
                    left -= count;
                    arrived.take(count);
                }
                Ok(Piece::Framing(count)) => arrived.take(count),
                Ok(Piece::End) => {}
                _ => return false,
            }
        }
        true
    }

    /// Goes on as far as it goes without waiting.
    pub(crate) fn drive(&mut self) -> Driven {
        let mut moved = 0;
        loop {
            let driven = match &mut self.state {
                State::Connecting(_) | State::Resting => Driven::Waiting,
                State::Tunnelling(answer) => match ask_for_tunnel(&mut self.channel, answer) {
                    Ok(true) => self.finished(Ok(Outcome::Connected)),
                    Ok(false) => Driven::Waiting,
                    Err(error) => self.finished(Err(error)),
                },
                State::Shaking => match self.channel.shake_hands() {
                    Ok(true) => self.finished(Ok(Outcome::Connected)),
                    Ok(false) => Driven::Waiting,
                    Err(error) => self.finished(Err(error)),
                },
                State::Sending(answer) => {
                    let answer = *answer;
                    // Once a write has failed nothing more goes out, TLS's own records neither.
                    let written = match self.upload {
                        Upload::Broken => Ok(Written::All),
                        Upload::Plain | Upload::Chunked => self.channel.flush(SLICE_BYTES),
                    };
                    match written {
                        Ok(Written::Blocked) => Driven::Waiting,
                        Ok(Written::Later) => Driven::Later,
                        Ok(Written::All) if answer => {
                            self.timing.send = self.lap();
                            self.timing.first_byte = Duration::ZERO;
                            self.state = State::Receiving(HeadScanner::default());
                            continue;
                        }
                        Ok(Written::All) => self.finished(Ok(Outcome::Sent)),
                        Err(_) => {
                            // The server may have said why before it closed: that is an answer,
                            // not a lost connection.
                            self.upload = Upload::Broken;
                            self.channel.forget_outgoing();
                            continue;
                        }
                    }
                }
                State::Receiving(_) if moved >= SLICE_BYTES => Driven::Later,
                State::Receiving(scanner) => {
                    let before = moved;
                    let received = receive(&mut self.channel, scanner, &mut moved);
                    self.heard |= moved > before;
                    match received {
                        Ok(None) if moved >= SLICE_BYTES => Driven::Later,
                        Ok(None) => Driven::Waiting,
                        Ok(Some(head)) if head.status < 200 => {
                            self.state = State::Receiving(HeadScanner::default());
                            continue;
                        }
                        Ok(Some(head)) => {
                            self.timing.first_byte = self.lap();
                            let answered = self.answered(head);
                            self.finished(answered)
                        }
                        Err(error) => self.finished(Err(error)),
                    }
                }
                State::Reading(reading) => {
                    match read_on(&mut self.channel, &mut self.framing, reading, &mut moved) {
                        Ok(Progress::Finished) => {
                            self.given = reading.given();
                            let data = std::mem::take(&mut reading.out);
                            self.finished(Ok(Outcome::Data(data)))
                        }
                        Ok(Progress::Ended) => {
                            self.reusable = false;
                            let data = std::mem::take(&mut reading.out);
                            self.framing = Framing::Done;
                            self.finished(Ok(Outcome::Data(data)))
                        }
                        Ok(Progress::Blocked) => Driven::Waiting,
                        Ok(Progress::Later) => Driven::Later,
                        Err(error) => self.finished(Err(error)),
                    }
                }
                State::ReadingSome => {
                    match read_some(&mut self.channel, &mut self.framing, self.stated) {
                        Ok(Some(data)) => self.finished(Ok(Outcome::Data(data))),
                        Ok(None) => Driven::Waiting,
                        Err(error) => self.finished(Err(error)),
                    }
                }
            };
            return driven;
        }
    }

    fn finished(&mut self, result: Result<Outcome, TransportError>) -> Driven {
        if matches!(self.state, State::Reading(_) | State::ReadingSome) {
            let body = self.since.elapsed();
            self.times.set_body(body);
        }
        self.state = State::Resting;
        self.expires = None;
        Driven::Finished(result)
    }

    fn answered(&mut self, head: ResponseHead) -> Result<Outcome, TransportError> {
        if let Some(lengths) = head.unmatching_lengths() {
            return Err(TransportError::Client(format!(
                "Content-Length contained multiple unmatching values ({lengths})"
            )));
        }
        self.framing = Framing::of(&head);
        self.reusable = self.framing.leaves_reusable(&head);
        self.stated = head.length();
        self.answered = true;
        self.times = Times::new(self.timing);
        // What it took to connect counts for the first exchange alone.
        self.timing = Timing::default();
        let times = self.times.clone();
        let body = self.take_whole();
        Ok(Outcome::Answered(Box::new(Answer { head, times, body, at: self.since })))
    }

    /// Takes a body that is here already, to its stated end.
    fn take_whole(&mut self) -> Option<Vec<u8>> {
        let Framing::Length(left) = self.framing else { return None };
        let whole = self.channel.arrived.here().get(..usize::try_from(left).ok()?)?.to_vec();
        self.channel.arrived.take(whole.len());
        self.framing = Framing::Done;
        Some(whole)
    }

    /// Sets when the wait that begins now is over.
    pub(crate) fn wait(&mut self) -> Result<(), TransportError> {
        if self.is_resting() {
            return Ok(());
        }
        match self.limits.wait() {
            Ok(wait) => {
                self.expires = wait.map(|wait| Instant::now() + wait);
                Ok(())
            }
            Err(expired) => Err(self.expired(expired)),
        }
    }

    /// The error of a wait whose time is over.
    pub(crate) fn time_is_over(&self) -> TransportError {
        self.expired(self.limits.which())
    }

    fn expired(&self, expired: Expired) -> TransportError {
        match (&self.state, expired) {
            (State::Connecting(_) | State::Tunnelling(_) | State::Shaking, expired) => {
                timeout(expired)
            }
            (State::Sending(_), Expired::Limit) => TransportError::Closed,
            (State::Sending(_), Expired::Deadline) => TransportError::Deadline(Stage::Sending),
            (State::Receiving(_), Expired::Limit) => TransportError::HeadTimeout,
            (State::Receiving(_), Expired::Deadline) => TransportError::Deadline(Stage::Waiting),
            (_, Expired::Limit) => TransportError::BodyTimeout,
            (_, Expired::Deadline) => TransportError::Deadline(Stage::Reading),
        }
    }

    /// Sets the longest wait for more of the body.
    pub(crate) fn set_timeout(&mut self, each: Option<Duration>) {
        self.limits.each = each;
    }
}

/// How far a read has come.
enum Progress {
    Finished,
    /// The connection has ended, and the body with it.
    Ended,
    Blocked,
    Later,
}

/// An end without a word of the answer that was waited for; what it means is for others to say.
pub(crate) const SILENCE: TransportError = TransportError::Stale;

fn receive(
    channel: &mut Channel,
    scanner: &mut HeadScanner,
    moved: &mut usize,
) -> Result<Option<ResponseHead>, TransportError> {
    loop {
        let found = scanner.scan(channel.arrived.here()).map_err(|_| TransportError::Closed)?;
        if let Some(length) = found {
            let head = ResponseHead::parse(&channel.arrived.here()[..length])
                .map_err(|_| TransportError::Closed)?;
            channel.arrived.take(length);
            return Ok(Some(head));
        }
        match channel.fill() {
            Ok(None) => return Ok(None),
            Ok(Some(0)) if channel.arrived.here().is_empty() => return Err(SILENCE),
            Ok(Some(0)) => return Err(TransportError::Closed),
            Ok(Some(count)) => {
                *moved += count;
                if *moved >= SLICE_BYTES {
                    return Ok(None);
                }
            }
            Err(error) => {
                // An alert, such as a server's that wants another certificate of ours.
                let words = words_of_tls(&error);
                return Err(words.map_or(SILENCE, TransportError::Tls));
            }
        }
    }
}

/// What has arrived of the body, empty at its end; `None` where it has to be waited for.
fn read_some(
    channel: &mut Channel,
    framing: &mut Framing,
    stated: Option<u64>,
) -> Result<Option<Vec<u8>>, TransportError> {
    let mut out = Vec::new();
    loop {
        let over = take_arrived(&mut out, framing, &mut channel.arrived)?;
        if over || !out.is_empty() {
            return Ok(Some(out));
        }
        if channel.must_wait() {
            return Ok(None);
        }
        match channel.fill() {
            Ok(None) => return Ok(None),
            Ok(Some(0)) => {
                cut_off(framing, stated)?;
                *framing = Framing::Done;
                return Ok(Some(out));
            }
            Ok(Some(_)) => {}
            Err(error) => return Err(broken(&python_words(&error))),
        }
    }
}

/// Takes the way through the proxy as far as it goes; whether the tunnel is there.
fn ask_for_tunnel(
    channel: &mut Channel,
    answer: &mut TunnelAnswer,
) -> Result<bool, TransportError> {
    match channel.flush(SLICE_BYTES) {
        Ok(Written::All) => {}
        Ok(_) => return Ok(false),
        Err(_) => return Err(TransportError::Closed),
    }
    loop {
        if answer.take(&mut channel.arrived)? {
            return Ok(true);
        }
        match channel.fill() {
            Ok(None) => return Ok(false),
            Ok(Some(0)) => return Err(TunnelAnswer::cut_short(channel.arrived.here())),
            Err(_) => return Err(TransportError::Closed),
            Ok(Some(_)) => {}
        }
    }
}

fn read_on(
    channel: &mut Channel,
    framing: &mut Framing,
    reading: &mut Read,
    moved: &mut usize,
) -> Result<Progress, TransportError> {
    loop {
        if reading.advance(framing, &mut channel.arrived)? {
            return Ok(Progress::Finished);
        }
        if *moved >= SLICE_BYTES {
            return Ok(Progress::Later);
        }
        if channel.must_wait() {
            return Ok(Progress::Blocked);
        }
        let filled = reading
            .past_the_buffer(framing, |space| {
                let read = channel.read(space);
                (read.as_ref().map_or(0, |count| count.unwrap_or(0)), read)
            })
            .unwrap_or_else(|| channel.fill())
            .map_err(|error| broken(&python_words(&error)))?;
        match filled {
            None => return Ok(Progress::Blocked),
            Some(0) => {
                reading.at_end(framing)?;
                return Ok(Progress::Ended);
            }
            Some(count) => *moved += count,
        }
    }
}
