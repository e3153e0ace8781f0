//! A connection's socket, of which somebody keeps a hold while hyper reads and writes: the pool of a
//! container, which must know whether it is quiet, or an exchange, whose caller may hang up.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// How often somebody who waits for a model looks whether its caller is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undone {
    /// Its time is over.
    TimedOut,
    /// Whoever wanted it has hung up.
    Unwanted,
}

/// Does something within a time, and as long as its caller, if it has one, is there.
///
/// A caller who has hung up looks like one who only says that no more requests will come. What is
/// done within a second is done for both.
pub(super) async fn wanted<T>(
    caller: Option<&Link>,
    timeout: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Undone> {
    let mut work = pin!(work);
    let mut left = timeout;
    loop {
        let step = if caller.is_some() { left.min(LOOK_EVERY) } else { left };
        match tokio::time::timeout(step, work.as_mut()).await {
            Ok(done) => return Ok(done),
            Err(_elapsed) if caller.is_some_and(Link::has_ended) => return Err(Undone::Unwanted),
            Err(_elapsed) => left = left.saturating_sub(step),
        }
        if left.is_zero() {
            return Err(Undone::TimedOut);
        }
    }
}

/// A caller who gets an answer as it comes, and may hang up meanwhile.
pub(super) struct Caller {
    link: Link,
    look: Option<Pin<Box<Sleep>>>,
}

impl Caller {
    pub(super) fn new(link: Link) -> Self {
        Self { link, look: None }
    }

    /// Ready once it has hung up; to be asked while there is nothing for it, since a write would tell.
    pub(super) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let look = self.look.get_or_insert_with(|| Box::pin(sleep(LOOK_EVERY)));
            ready!(look.as_mut().poll(context));
            if self.link.has_ended() {
                return Poll::Ready(());
            }
            look.as_mut().reset(Instant::now() + LOOK_EVERY);
        }
    }
}

/// A socket that two hold.
#[derive(Clone)]
pub(super) struct Link(Arc<TcpStream>);

impl Link {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without it a small message may wait for an acknowledgement; a failure costs only that.
        let _slower = stream.set_nodelay(true);
        Self(Arc::new(stream))
    }

    /// Ends it in both directions.
    pub(super) fn end(&self) {
        // It may have ended by itself.
        let _ended = SockRef::from(&*self.0).shutdown(Shutdown::Both);
    }

    /// Whether the peer has ended its side, whatever is still to be read.
    fn has_ended(&self) -> bool {
        let mut ready = pin!(self.0.ready(Interest::READABLE));
        // The runtime knows; nothing is waited for.
        let mut context = Context::from_waker(Waker::noop());
        match ready.as_mut().poll(&mut context) {
            Poll::Ready(Ok(ready)) => ready.is_read_closed(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }

    /// Whether nothing has arrived: neither bytes nor the end. It asks the system, not the runtime,
    /// which hears of an end only when it next waits.
    pub(super) fn is_quiet(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let arrived = SockRef::from(&*self.0).peek(&mut byte);
        matches!(arrived, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            let room = buffer.remaining();
            let mut arrived = None;
            // Less than there was room for is all that there was: the runtime is told so, which
            // saves asking the system. An end of the stream is no such case.
            let read = self.0.try_io(Interest::READABLE, || match self.0.try_read_buf(buffer) {
                Ok(count) if 0 < count && count < room => {
                    arrived = Some(count);
                    Err(io::ErrorKind::WouldBlock.into())
                }
                other => other,
            });
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && arrived.is_none() => {}
                Err(error) if arrived.is_none() => return Poll::Ready(Err(error)),
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(data)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_write_vectored(pieces) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(std::net::Shutdown::Write))
    }
}
