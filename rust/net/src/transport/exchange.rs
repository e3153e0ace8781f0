//! A request out, a response in, its body as it is asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::body::{Framing, Piece};
use super::deadline::{Limits, Stage};
use super::error::{Cut, TransportError, python_words};
use super::group::Closer;
use super::head::{HeadScanner, RequestHead, ResponseHead};
use super::pool::Borrowed;
use super::reading::{Read, broken, cut_off, take_arrived};
use super::stream::Stream;
use super::timing::Timing;
use super::tls::words_of_tls;

/// A body up to this size is copied behind its head; a larger one is written beside it, uncopied.
pub(crate) const ONE_BUFFER_BYTES: usize = 16_384;
/// The most that is drained of a body that nobody wants, in bytes.
pub(crate) const DRAIN_BYTES: usize = 65_536;

/// A connection that is taken from its pool for one exchange.
pub struct Connection {
    place: Borrowed,
    /// Apart, and never moved: what is moved after a wait costs by the memory it touches.
    stream: Box<Stream>,
    /// Whether it has served a call before.
    pub reused: bool,
    deadline: Option<Instant>,
    chunked: bool,
    broken: bool,
    timing: Timing,
    /// When the part that is under way began.
    since: Instant,
}

impl Connection {
    pub(crate) fn new(place: Borrowed, stream: Box<Stream>, reused: bool, timing: Timing) -> Self {
        Self {
            place,
            stream,
            reused,
            deadline: None,
            chunked: false,
            broken: false,
            timing,
            since: Instant::now(),
        }
    }

    /// The duration of the part that ends now.
    fn lap(&mut self) -> Duration {
        let since = std::mem::replace(&mut self.since, Instant::now());
        self.since.saturating_duration_since(since)
    }

    /// Prepares a request's head; nothing is sent yet.
    pub fn prepare(
        &mut self,
        head: &RequestHead<'_>,
        deadline: Option<Instant>,
    ) -> Result<(), TransportError> {
        self.prepare_with(deadline, |out| head.write(out))
    }

    /// Prepares a request's head that `write` writes, saying whether it announces chunks.
    pub fn prepare_with<E>(
        &mut self,
        deadline: Option<Instant>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.stream.outgoing.clear();
        self.chunked = write(&mut self.stream.outgoing)?;
        self.deadline = deadline;
        let each = self.place.pool.options.read_timeout;
        self.stream.wire.limits = Limits { each, until: None, deadline };
        Ok(())
    }

    /// Goes back to its pool as it came: nothing has been sent.
    pub fn give_back(mut self) {
        self.stream.outgoing.clear();
        self.place.give_back(self.stream);
    }

    /// Sends head and body, in one write as far as the system takes it.
    pub fn send(&mut self, body: &[u8]) -> Result<(), TransportError> {
        let mut head = std::mem::take(&mut self.stream.outgoing);
        let written = if body.len() <= ONE_BUFFER_BYTES {
            head.extend_from_slice(body);
            self.stream.write_all(&head, b"")
        } else {
            self.stream.write_all(&head, body)
        };
        head.clear();
        self.stream.outgoing = head;
        self.sent(written)
    }

    /// Sends a piece of a streamed body, framed if the head announced chunks.
    pub fn send_piece(&mut self, piece: &[u8]) -> Result<(), TransportError> {
        if piece.is_empty() || self.broken {
            return Ok(());
        }
        if !self.chunked {
            let written = self.stream.write_all(piece, b"");
            return self.sent(written);
        }
        let mut framed = format!("{:x}\r\n", piece.len()).into_bytes();
        framed.extend_from_slice(piece);
        framed.extend_from_slice(b"\r\n");
        let written = self.stream.write_all(&framed, b"");
        self.sent(written)
    }

    /// Ends a streamed body.
    pub fn send_end(&mut self) -> Result<(), TransportError> {
        if !self.chunked || self.broken {
            return Ok(());
        }
        let written = self.stream.write_all(b"0\r\n\r\n", b"");
        self.sent(written)
    }

    fn sent(&mut self, written: Result<(), Cut>) -> Result<(), TransportError> {
        written.or_else(|cut| match cut {
            // The server may have said why before it closed: that is an answer, not a lost one.
            Cut::Failed(_) => {
                self.broken = true;
                Ok(())
            }
            Cut::Limit => Err(TransportError::Closed),
            Cut::Deadline => Err(TransportError::Deadline(Stage::Sending)),
            Cut::Interrupted => Err(TransportError::Interrupted),
        })
    }

    /// Waits for the answer's head. Informational answers (1xx) are skipped.
    pub fn receive(mut self) -> Result<Box<Response>, TransportError> {
        self.timing.send = self.lap();
        loop {
            let head = self.receive_head()?;
            if head.status < 200 {
                continue;
            }
            if let Some(lengths) = head.unmatching_lengths() {
                return Err(TransportError::Client(format!(
                    "Content-Length contained multiple unmatching values ({lengths})"
                )));
            }
            return Ok(Response::new(self, head));
        }
    }

    /// The end before any answer: behind a proxy it is the proxy that has ended, as boto3 sees it.
    fn silent_end(&self) -> TransportError {
        match &self.place.pool.options.proxy {
            None if self.reused && self.timing.first_byte.is_zero() => TransportError::Stale,
            None => TransportError::Closed,
            Some(proxy) => proxy.blame(TransportError::Closed),
        }
    }

    fn receive_head(&mut self) -> Result<ResponseHead, TransportError> {
        let mut scanner = HeadScanner::default();
        loop {
            let found = scanner.scan(self.stream.here()).map_err(|_| TransportError::Closed)?;
            if let Some(length) = found {
                let head = ResponseHead::parse(&self.stream.here()[..length])
                    .map_err(|_| TransportError::Closed)?;
                self.stream.take(length);
                return Ok(head);
            }
            match self.stream.fill() {
                Ok(0) if !self.stream.here().is_empty() => return Err(TransportError::Closed),
                Ok(0) => return Err(self.silent_end()),
                Ok(_) if self.timing.first_byte.is_zero() => self.timing.first_byte = self.lap(),
                Ok(_) => {}
                Err(Cut::Failed(error)) => {
                    // An alert, such as a server's that wants another certificate of ours.
                    let silent = || self.silent_end();
                    return Err(words_of_tls(&error).map_or_else(silent, TransportError::Tls));
                }
                Err(Cut::Limit) => return Err(TransportError::HeadTimeout),
                Err(Cut::Deadline) => return Err(TransportError::Deadline(Stage::Waiting)),
                Err(Cut::Interrupted) => return Err(TransportError::Interrupted),
            }
        }
    }
}

/// An answer whose head has arrived, and whose body arrives as it is asked for.
pub struct Response {
    /// The head.
    pub head: ResponseHead,
    framing: Framing,
    reusable: bool,
    /// How long each part took.
    pub timing: Timing,
    /// When the head was here.
    begun: Instant,
    /// `None` once the body is over, or broken.
    connection: Option<Connection>,
    /// What another thread may end a read by.
    closer: Option<Arc<Closer>>,
}

impl AsRef<ResponseHead> for Box<Response> {
    fn as_ref(&self) -> &ResponseHead {
        &self.head
    }
}

impl Response {
    fn new(mut connection: Connection, head: ResponseHead) -> Box<Self> {
        let framing = Framing::of(&head);
        let reusable = !connection.broken && framing.leaves_reusable(&head);
        connection.lap();
        let (timing, begun) = (connection.timing, connection.since);
        let mut response = Box::new(Self {
            head,
            framing,
            reusable,
            timing,
            begun,
            connection: Some(connection),
            closer: None,
        });
        response.finish_if_done();
        response
    }

    /// Whether the body is over, or given up.
    pub fn is_over(&self) -> bool {
        self.connection.is_none()
    }

    /// Whether so much of the body is here already that reading `amount` bytes needs no wait.
    pub fn is_here(&self, amount: Option<usize>) -> bool {
        let Some(connection) = &self.connection else { return true };
        let here = connection.stream.here().len();
        match self.framing {
            Framing::Length(left) => {
                let left = usize::try_from(left).unwrap_or(usize::MAX);
                here >= amount.map_or(left, |amount| amount.min(left))
            }
            _ => amount == Some(0),
        }
    }

    /// All that is left of the body, or exactly `amount` bytes of it, if that is here already; it
    /// is to be used up by `take`.
    pub fn here(&self, amount: Option<usize>) -> Option<&[u8]> {
        let (Some(connection), Framing::Length(left)) = (&self.connection, &self.framing) else {
            return None;
        };
        let left = usize::try_from(*left).unwrap_or(usize::MAX);
        let here = connection.stream.here().get(..amount.map_or(left, |amount| amount.min(left)));
        here.filter(|here| !here.is_empty())
    }

    /// Uses up so many bytes of what is `here`.
    pub fn take(&mut self, count: usize) {
        let Some(connection) = &mut self.connection else { return };
        if let Framing::Length(left) = &mut self.framing {
            *left -= (count as u64).min(*left);
            connection.stream.take(count);
            if *left == 0 {
                self.framing = Framing::Done;
            }
        }
        self.timing.body = self.begun.elapsed();
        self.finish_if_done();
    }

    /// What another thread may end the read by that is about to begin.
    pub fn closer(&mut self) -> Option<Arc<Closer>> {
        let connection = self.connection.as_ref()?;
        let closer = self
            .closer
            .get_or_insert_with(|| Arc::new(Closer::new(connection.stream.wire.socket())));
        Some(Arc::clone(closer))
    }

    /// Sets the longest wait for more of the body; `false` if the body is over.
    pub fn set_timeout(&mut self, each: Option<Duration>) -> bool {
        match &mut self.connection {
            None => false,
            Some(connection) => {
                connection.stream.wire.limits.each = each;
                true
            }
        }
    }

    /// All that is left of the body, or exactly `amount` bytes of it unless it ends before.
    pub fn read(&mut self, amount: Option<usize>) -> Result<Vec<u8>, TransportError> {
        if amount == Some(0) || self.connection.is_none() {
            return Ok(Vec::new());
        }
        let mut reading = Read::new(amount, &self.framing);
        let read = self.read_on(&mut reading);
        self.timing.body = self.begun.elapsed();
        if read.is_err() {
            self.connection = None;
        }
        read.map(|()| reading.out)
    }

    fn read_on(&mut self, reading: &mut Read) -> Result<(), TransportError> {
        loop {
            let Some(connection) = &mut self.connection else { return Ok(()) };
            let stream = &mut connection.stream;
            if reading.advance(&mut self.framing, &mut stream.arrived)? {
                self.finish_if_done();
                return Ok(());
            }
            connection.place.check_process()?;
            let filled = reading
                .past_the_buffer(&mut self.framing, |space| {
                    let read = stream.read(space);
                    (read.as_ref().map_or(0, |count| *count), read)
                })
                .unwrap_or_else(|| stream.fill())
                .map_err(cut_short)?;
            if filled == 0 {
                let ended = reading.at_end(&mut self.framing);
                self.connection = None;
                return ended;
            }
        }
    }

    /// Puts behind `out` what has arrived of the body, and waits only where nothing has.
    ///
    /// Nothing is put there at the end alone. A connection that ends before the body is an error.
    pub fn read_some(&mut self, out: &mut Vec<u8>) -> Result<(), TransportError> {
        let read = self.read_arrived(out);
        self.timing.body = self.begun.elapsed();
        if read.is_err() {
            self.connection = None;
        }
        read
    }

    fn read_arrived(&mut self, out: &mut Vec<u8>) -> Result<(), TransportError> {
        let before = out.len();
        loop {
            let Some(connection) = &mut self.connection else { return Ok(()) };
            let stream = &mut connection.stream;
            if take_arrived(out, &mut self.framing, &mut stream.arrived)? {
                self.finish_if_done();
                return Ok(());
            }
            if out.len() > before {
                return Ok(());
            }
            connection.place.check_process()?;
            if stream.fill().map_err(cut_short)? == 0 {
                self.connection = None;
                return cut_off(&mut self.framing, self.head.length());
            }
        }
    }

    fn finish_if_done(&mut self) {
        if self.framing != Framing::Done {
            return;
        }
        let connection = self.connection.take();
        // From here on the connection may be somebody else's.
        let left_alone = self.closer.take().is_none_or(|closer| closer.let_go());
        if let Some(connection) = connection
            && self.reusable
            && left_alone
        {
            let Connection { place, mut stream, .. } = connection;
            if !stream.is_drained() {
                return;
            }
            stream.wire.limits = Limits::default();
            stream.arrived.shrink();
            place.give_back(stream);
        }
    }

    /// Gives up what is left: the connection lives on if all of it is here already.
    pub fn close(&mut self) {
        let mut left = DRAIN_BYTES;
        while let Some(connection) = &mut self.connection {
            let stream = &mut connection.stream;
            match self.framing.next(stream.here(), left) {
                Ok(Piece::Data(count)) if count > 0 => {
                    left -= count;
                    stream.take(count);
                }
                Ok(Piece::Framing(count)) => stream.take(count),
                Ok(Piece::End) => {}
                _ => self.connection = None,
            }
            self.finish_if_done();
        }
    }
}

/// What a wait for more of a body that ended early means.
fn cut_short(cut: Cut) -> TransportError {
    match cut {
        Cut::Limit => TransportError::BodyTimeout,
        Cut::Deadline => TransportError::Deadline(Stage::Reading),
        Cut::Interrupted => TransportError::Interrupted,
        Cut::Failed(error) => broken(&python_words(&error)),
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        self.close();
    }
}
