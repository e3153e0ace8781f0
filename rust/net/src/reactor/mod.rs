//! Connections to one origin, turned by an event loop: a poll descriptor, a pool, and one alarm.
//!
//! The loop watches the descriptor and makes a turn when it is readable, when the alarm
//! ([`Reactor::alarm`]) is due, and at once again where there is more to do ([`Reactor::has_more`]). A
//! turn is a [`Reactor::poll`], then [`Reactor::go_on`], and both again until there is nothing more or
//! [`TURN`] has passed, telling in between what has been finished. Nothing here waits. All calls come
//! from the loop's thread.
//!
//! ```text
//! connecting.rs    the way to the origin: addresses, proxy, TLS
//! channel.rs       a connected socket that never waits, plain or under TLS
//! conversation.rs  the exchange on it, driven as far as it goes
//! outcome.rs       what that comes to
//! ```
//!
//! Heads, bodies and their reading are the transport's own machines, which know no socket. Why this
//! bridge to a loop: docs/decisions/0005-asyncio-bridge.md. The pure twin is
//! `python/sagewire/_pure/reactor`.

mod channel;
mod connecting;
mod conversation;
mod outcome;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::{Events, Poll, Token};

use self::conversation::{Conversation, Driven};
use crate::transport::deadline::{Limits, Stage};
use crate::transport::error::TransportError;
use crate::transport::exchange::ONE_BUFFER_BYTES;
use crate::transport::pool::{PoolOptions, Snapshot};

/// The longest that the loop is kept from its other work, but for the last thing that is done.
pub const TURN: Duration = Duration::from_micros(500);
/// How many connections are dropped in one go: each costs the system some ten microseconds.
const DROPPED_AT_ONCE: usize = 16;
/// How many events are taken from the system at once. Those that a turn has no time for make the
/// descriptor readable again.
const EVENTS: usize = 16;
/// How long connections beyond `max_idle` are kept, in case the next burst comes at once.
const GRACE: Duration = Duration::from_secs(1);

pub use self::outcome::{Answer, Outcome};

/// One exchange on one connection. What belongs to an earlier exchange has no say in a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    connection: usize,
    serial: u64,
}

/// What an operation has come to, and whose it was.
pub type Finished = (Key, Result<Outcome, TransportError>);

/// Connections to one origin, turned by an event loop.
pub struct Reactor {
    options: PoolOptions,
    /// `None` once it is abandoned.
    poll: Option<Poll>,
    events: Events,
    conversations: HashMap<usize, Conversation>,
    /// The next connection's number; none is given twice.
    next: usize,
    /// Idle connections, the most recently used last, and since when each is.
    idle: Vec<(usize, Instant)>,
    /// Those that can go on at once.
    ready: VecDeque<usize>,
    alarms: BinaryHeap<Reverse<(Instant, usize)>>,
}

impl Key {
    /// Whether its connection has served an exchange before.
    pub fn is_reused(self) -> bool {
        self.serial > 0
    }
}

impl Reactor {
    /// A reactor without connections.
    pub fn new(options: PoolOptions) -> io::Result<Self> {
        Ok(Self {
            options,
            poll: Some(Poll::new()?),
            events: Events::with_capacity(EVENTS),
            conversations: HashMap::new(),
            next: 0,
            idle: Vec::new(),
            ready: VecDeque::new(),
            alarms: BinaryHeap::new(),
        })
    }

    /// What the loop is to watch; readable when there is something to do. `None` once abandoned.
    pub fn descriptor(&self) -> Option<RawFd> {
        self.poll.as_ref().map(Poll::as_raw_fd)
    }

    /// When to turn although the descriptor says nothing.
    pub fn alarm(&self) -> Option<Instant> {
        self.alarms.peek().map(|Reverse((at, _))| *at)
    }

    /// Whether to turn at once.
    pub fn has_more(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many connections there are.
    pub fn snapshot(&self) -> Snapshot {
        let idle = self.idle.len();
        Snapshot { busy: self.conversations.len() - idle, idle }
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.conversations.is_empty()
    }

    /// Drops idle connections, a few at once; whether there are none left. The reactor goes on: the
    /// next call connects.
    pub fn close(&mut self) -> bool {
        let kept = self.idle.len().saturating_sub(DROPPED_AT_ONCE);
        for (number, _) in self.idle.drain(kept..) {
            self.conversations.remove(&number);
        }
        self.idle.is_empty()
    }

    /// As `close`, and keeps no connection any more.
    pub fn retire(&mut self) -> bool {
        self.options.max_idle = 0;
        self.close()
    }

    /// Drops all connections, those in use as well, and the descriptor. There will be no others.
    pub fn abandon(&mut self) {
        self.idle.clear();
        self.ready.clear();
        self.alarms.clear();
        self.conversations.clear();
        self.poll = None;
    }

    /// An idle connection that is alive, if there is one.
    pub fn take_idle(&mut self) -> Option<Key> {
        while let Some((number, _)) = self.idle.pop() {
            let Some(conversation) = self.conversations.get_mut(&number) else { continue };
            if conversation.channel.is_quiet() {
                conversation.serial += 1;
                conversation.answered = false;
                conversation.expires = None;
                return Some(Key { connection: number, serial: conversation.serial });
            }
            self.conversations.remove(&number);
        }
        None
    }

    /// Begins to connect to one of the addresses, tried in order: the proxy's, where there is one.
    /// To look them up took so long.
    pub fn connect(
        &mut self,
        addresses: impl IntoIterator<Item = SocketAddr>,
        looked_up: Duration,
        deadline: Option<Instant>,
    ) -> Result<Key, TransportError> {
        let left: VecDeque<SocketAddr> = addresses.into_iter().collect();
        let number = self.next;
        self.next += 1;
        let nowhere = TransportError::Connect("the name has no address".to_owned());
        self.dial(number, left, nowhere, deadline).map_err(|error| self.blamed(error))?;
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.looked_up = looked_up;
        }
        Ok(Key { connection: number, serial: 0 })
    }

    /// Waits until the connection is there; finishes as `Connected`.
    pub fn connected(&mut self, key: Key) -> Option<Result<Outcome, TransportError>> {
        if self.get(key).is_some_and(Conversation::is_resting) {
            return Some(Ok(Outcome::Connected));
        }
        self.operate(key, |_, _| Ok::<_, TransportError>(()))
    }

    /// Sends head and body; finishes as `Answered`. What comes at once is returned. Of a large body
    /// `keep` gives what is sent without a copy.
    pub fn exchange(
        &mut self,
        key: Key,
        head: &[u8],
        body: &[u8],
        keep: impl FnOnce() -> Bytes,
        deadline: Option<Instant>,
    ) -> Option<Result<Outcome, TransportError>> {
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(head);
            Ok(())
        };
        self.attempt(key, write, body, keep, deadline)
    }

    /// As `exchange`, the head written by `head` into the connection's own buffer.
    pub fn attempt<E: From<TransportError>>(
        &mut self,
        key: Key,
        head: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
        body: &[u8],
        keep: impl FnOnce() -> Bytes,
        deadline: Option<Instant>,
    ) -> Option<Result<Outcome, E>> {
        self.operate(key, |conversation, options| {
            begin(conversation, options, deadline)?;
            head(&mut conversation.channel.outgoing)?;
            if body.len() <= ONE_BUFFER_BYTES {
                conversation.channel.outgoing.extend_from_slice(body);
            } else {
                conversation.channel.body = keep();
            }
            conversation.send(true);
            Ok(())
        })
    }

    /// Sends the head of a body that comes in pieces, in chunks or by length; finishes as `Sent`.
    pub fn begin(
        &mut self,
        key: Key,
        head: &[u8],
        chunked: bool,
        deadline: Option<Instant>,
    ) -> Option<Result<Outcome, TransportError>> {
        self.operate(key, |conversation, options| {
            begin(conversation, options, deadline)?;
            conversation.channel.outgoing.extend_from_slice(head);
            conversation.frame(chunked);
            conversation.send(false);
            Ok(())
        })
    }

    /// Sends a piece of the body, framed if the head announced chunks; finishes as `Sent`.
    pub fn send_piece(
        &mut self,
        key: Key,
        piece: &[u8],
    ) -> Option<Result<Outcome, TransportError>> {
        self.operate(key, |conversation, _| {
            conversation.queue_piece(piece);
            conversation.send(false);
            Ok(())
        })
    }

    /// Ends the body; finishes as `Answered`.
    pub fn finish(&mut self, key: Key) -> Option<Result<Outcome, TransportError>> {
        self.operate(key, |conversation, _| {
            conversation.queue_end();
            conversation.send(true);
            Ok(())
        })
    }

    /// Whether so much of the body is here already that reading `amount` bytes needs no wait.
    pub fn is_here(&self, key: Key, amount: Option<usize>) -> bool {
        self.get(key).is_none_or(|conversation| conversation.is_here(amount))
    }

    /// Reads the body; finishes as `Data`, empty once it is over. `goes_on` is for a read that is made
    /// in pieces: its errors count those before.
    pub fn read(
        &mut self,
        key: Key,
        amount: Option<usize>,
        goes_on: bool,
    ) -> Option<Result<Outcome, TransportError>> {
        if amount == Some(0) || self.get(key).is_none() {
            return Some(Ok(Outcome::Data(Vec::new())));
        }
        self.operate_in_turn(key, |conversation| conversation.read(amount, goes_on))
    }

    /// Reads whatever arrives next of the body; finishes as `Data`, empty once it is over.
    pub fn read_some(&mut self, key: Key) -> Option<Result<Outcome, TransportError>> {
        if self.get(key).is_none() {
            return Some(Ok(Outcome::Data(Vec::new())));
        }
        self.operate_in_turn(key, Conversation::read_some)
    }

    /// Sets the longest wait for more of the body; `false` if the body is over.
    pub fn set_timeout(&mut self, key: Key, each: Option<Duration>) -> bool {
        self.get_mut(key).is_some_and(|conversation| {
            conversation.set_timeout(each);
            true
        })
    }

    /// Whether the exchange is over: its connection is given back, or dropped.
    pub fn is_over(&self, key: Key) -> bool {
        self.get(key).is_none()
    }

    /// Gives up an exchange: the connection lives on if the rest of the body is here already.
    pub fn give_up(&mut self, key: Key) {
        let Some(conversation) = self.get_mut(key) else { return };
        if conversation.is_resting() && conversation.drain() {
            self.settle(key.connection);
        } else {
            self.drop_connection(key);
        }
    }

    /// Drops an exchange's connection at once, whatever is in progress on it.
    pub fn drop_connection(&mut self, key: Key) {
        if self.get(key).is_some() {
            self.conversations.remove(&key.connection);
        }
    }

    /// As `drop_connection`, unless the answer's head is with the caller, whose the rest is.
    pub fn drop_unanswered(&mut self, key: Key) {
        if self.get(key).is_some_and(|conversation| !conversation.answered) {
            self.conversations.remove(&key.connection);
        }
    }

    /// Asks the system what has happened since; whether there may be more of it.
    pub fn poll(&mut self) -> io::Result<bool> {
        let Some(poll) = &mut self.poll else { return Ok(false) };
        if let Err(error) = poll.poll(&mut self.events, Some(Duration::ZERO))
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        let mut count = 0;
        for event in &self.events {
            count += 1;
            let Token(number) = event.token();
            if let Some(conversation) = self.conversations.get_mut(&number) {
                let ending = event.is_read_closed() || event.is_error();
                conversation.channel.note(event.is_readable(), ending);
                self.ready.push_back(number);
            }
        }
        Ok(count == EVENTS)
    }

    /// Does what can be done without waiting, until so many operations are finished, there is nothing
    /// more, or the turn's end has come.
    pub fn go_on(&mut self, end: Instant, most: usize) -> Vec<Finished> {
        let mut finished = Vec::new();
        while finished.len() < most {
            if let Some(ended) = self.ring() {
                finished.push(ended);
            } else if let Some(number) = self.ready.pop_front() {
                finished.extend(self.advance(number));
            } else {
                break;
            }
            if Instant::now() > end {
                break;
            }
        }
        finished
    }

    /// Ends the waits whose time is over, until one of them was an operation's.
    fn ring(&mut self) -> Option<Finished> {
        let mut now = None;
        while let Some(Reverse((at, number))) = self.alarms.peek().copied() {
            let now = *now.get_or_insert_with(Instant::now);
            if at > now {
                break;
            }
            self.alarms.pop();
            let Some(conversation) = self.conversations.get_mut(&number) else { continue };
            conversation.scheduled = None;
            match conversation.expires {
                Some(expires) if expires <= now => {
                    if self.idle.iter().any(|(idle, _)| *idle == number) {
                        self.trim(now);
                        break; // the others' alarms are due in the next turn
                    }
                    let key = Key { connection: number, serial: conversation.serial };
                    let error = conversation.time_is_over();
                    let error = match self.try_another(number, error) {
                        Ok(()) => continue,
                        Err(error) => self.blamed_on_the_way(number, error),
                    };
                    self.conversations.remove(&number);
                    return Some((key, Err(error)));
                }
                Some(_) => self.schedule(number),
                None => {}
            }
        }
        None
    }

    /// Drops idle connections beyond `max_idle` whose time of grace is over, a few at once.
    fn trim(&mut self, now: Instant) {
        let surplus = self.idle.len().saturating_sub(self.options.max_idle);
        let old = self.idle.iter().take_while(|(_, since)| *since + GRACE <= now).count();
        let over = surplus.min(old);
        for (number, _) in self.idle.drain(..over.min(DROPPED_AT_ONCE)) {
            self.conversations.remove(&number);
        }
        if over > DROPPED_AT_ONCE
            && let Some(&(number, _)) = self.idle.first()
            && let Some(conversation) = self.conversations.get_mut(&number)
        {
            conversation.expires = Some(now);
            self.schedule(number);
        }
    }

    /// Begins an operation on a connection and takes it as far as it goes.
    fn operate<E: From<TransportError>>(
        &mut self,
        key: Key,
        begin: impl FnOnce(&mut Conversation, &PoolOptions) -> Result<(), E>,
    ) -> Option<Result<Outcome, E>> {
        let Some(conversation) =
            self.conversations.get_mut(&key.connection).filter(|found| found.serial == key.serial)
        else {
            return Some(Err(TransportError::Closed.into()));
        };
        if let Err(error) = begin(conversation, &self.options) {
            if conversation.is_resting() && conversation.is_over() {
                // Nothing has been sent: it serves the next call.
                conversation.channel.forget_outgoing();
                self.settle(key.connection);
            } else {
                self.conversations.remove(&key.connection);
            }
            return Some(Err(error));
        }
        self.advance(key.connection).map(|(_, result)| result.map_err(E::from))
    }

    /// Begins a read, and takes it as far as the bytes go that have been taken off the wire.
    ///
    /// The wire itself is read in the next turn of the loop: a task whose peer never stops would
    /// never let the others go on.
    fn operate_in_turn(
        &mut self,
        key: Key,
        begin: impl FnOnce(&mut Conversation),
    ) -> Option<Result<Outcome, TransportError>> {
        let result = self.operate(key, |conversation, _| {
            conversation.channel.held = true;
            begin(conversation);
            Ok(())
        });
        if let Some(conversation) = self.get_mut(key) {
            conversation.channel.held = false;
            if result.is_none() && !conversation.channel.must_wait() {
                self.ready.push_back(key.connection);
            }
        }
        result
    }

    /// Takes a connection as far as it goes; what that has finished, if anything.
    fn advance(&mut self, number: usize) -> Option<Finished> {
        let conversation = self.conversations.get_mut(&number)?;
        let key = Key { connection: number, serial: conversation.serial };
        if conversation.addresses_left().is_some() {
            match self.go_on_connecting(number) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    let error = self.blamed_on_the_way(number, error);
                    self.conversations.remove(&number);
                    return Some((key, Err(error)));
                }
            }
        }
        let conversation = self.conversations.get_mut(&number)?;
        if conversation.is_resting() {
            // Idle, and its peer has ended it or talks out of turn; or taken, and found out later.
            if let Some(place) = self.idle.iter().position(|(idle, _)| *idle == number)
                && !conversation.channel.is_quiet()
            {
                self.idle.remove(place);
                self.conversations.remove(&number);
            }
            return None;
        }
        let driven = match conversation.drive() {
            // A step of the way is done; the next one waits for the same operation.
            Driven::Finished(Ok(Outcome::Connected)) => match self.next_step(number) {
                Ok(true) => Driven::Finished(Ok(Outcome::Connected)),
                Ok(false) => return self.advance(number),
                Err(error) => Driven::Finished(Err(error)),
            },
            driven => driven,
        };
        let conversation = self.conversations.get_mut(&number)?;
        let result = match driven {
            // A peer that never stops must not outlast the deadline either.
            Driven::Later => match conversation.wait() {
                Ok(()) => {
                    conversation.expires = None;
                    self.ready.push_back(number);
                    return None;
                }
                Err(error) => Err(error),
            },
            Driven::Waiting => match conversation.wait() {
                Ok(()) => {
                    self.schedule(number);
                    return None;
                }
                Err(error) => Err(error),
            },
            Driven::Finished(result) => result,
        };
        let result = result.map_err(|error| self.blamed_on_the_way(number, error));
        match &result {
            Err(_) => {
                self.conversations.remove(&number);
            }
            // A body that came with its head is read by the caller all the same, or given up.
            Ok(Outcome::Answered(answer)) if answer.body.is_some() => {}
            Ok(Outcome::Answered(_) | Outcome::Data(_)) => self.settle(number),
            Ok(Outcome::Connected | Outcome::Sent) => {}
        }
        Some((key, result))
    }

    /// Keeps the connection for the next call, or drops it, if the body on it is over.
    fn settle(&mut self, number: usize) {
        let Some(conversation) = self.conversations.get_mut(&number) else { return };
        if !conversation.is_over() {
            return;
        }
        if !conversation.is_reusable() || self.options.max_idle == 0 {
            self.conversations.remove(&number);
            return;
        }
        let now = Instant::now();
        conversation.serial += 1;
        conversation.channel.arrived.shrink();
        self.idle.push((number, now));
        if self.idle.len() > self.options.max_idle {
            conversation.expires = Some(now + GRACE);
            self.schedule(number);
        }
    }

    /// Sees to it that the alarm rings when the wait in progress is over.
    fn schedule(&mut self, number: usize) {
        let Some(conversation) = self.conversations.get_mut(&number) else { return };
        // One entry a connection is enough while it is no later than the wait's end: most waits are
        // over long before, and the next one's end is later still.
        let Some(expires) = conversation.expires else { return };
        if conversation.scheduled.is_none_or(|scheduled| expires < scheduled) {
            conversation.scheduled = Some(expires);
            self.alarms.push(Reverse((expires, number)));
        }
    }

    fn get(&self, key: Key) -> Option<&Conversation> {
        self.conversations.get(&key.connection).filter(|found| found.serial == key.serial)
    }

    fn get_mut(&mut self, key: Key) -> Option<&mut Conversation> {
        self.conversations.get_mut(&key.connection).filter(|found| found.serial == key.serial)
    }
}

/// Empties the connection's buffer for a head; nothing is sent yet.
fn begin(
    conversation: &mut Conversation,
    options: &PoolOptions,
    deadline: Option<Instant>,
) -> Result<(), TransportError> {
    conversation.channel.forget_outgoing();
    let each = options.read_timeout;
    let limits = Limits { each, until: None, deadline };
    // No time to begin in is no time at all.
    limits.wait().map_err(|_| TransportError::Deadline(Stage::Sending))?;
    conversation.begin(limits);
    Ok(())
}
