//! Connections that are in use together, so that they can be ended together.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sockets that are in use by those who take from a pool through this group.
pub(crate) struct Group {
    members: Mutex<Members>,
    /// How many idle connections the pool may keep while the group is there.
    pub(crate) room: usize,
}

#[derive(Default)]
struct Members {
    sockets: HashMap<u64, Arc<TcpStream>>,
    joined: u64,
    ended: bool,
}

impl Group {
    pub(crate) fn new(room: usize) -> Self {
        Self { members: Mutex::default(), room }
    }

    /// Adds a socket until the membership is dropped. One that joins too late is ended at once.
    pub(crate) fn join(self: &Arc<Self>, socket: Arc<TcpStream>) -> Membership {
        let mut members = self.lock();
        if members.ended {
            end(&socket);
        }
        members.joined += 1;
        let number = members.joined;
        members.sockets.insert(number, socket);
        Membership { group: Arc::clone(self), number, process: std::process::id() }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    /// Ends every connection that is in use: whoever waits for it sees its end.
    pub(crate) fn end(&self) {
        let mut members = self.lock();
        members.ended = true;
        members.sockets.values().for_each(|socket| end(socket));
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to end a read from another thread, as long as the connection is the reader's.
pub struct Closer {
    socket: Mutex<Option<Arc<TcpStream>>>,
    process: u32,
}

impl Closer {
    pub(crate) fn new(socket: Arc<TcpStream>) -> Self {
        Self { socket: Mutex::new(Some(socket)), process: std::process::id() }
    }

    /// Ends the connection: the read sees its end. In a child of a fork it does nothing: the
    /// connection is its parent's.
    pub fn end(&self) {
        if self.process != std::process::id() {
            return;
        }
        let mut socket = self.lock();
        if let Some(socket) = socket.take() {
            end(&socket);
        }
    }

    /// The connection is not the reader's any more; whether it was left alone until now.
    pub(crate) fn let_go(&self) -> bool {
        self.lock().take().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<TcpStream>>> {
        // Held while a connection is ended, so that it is nobody else's then.
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(socket: &TcpStream) {
    // It fails only for a connection that the peer has ended already.
    let _ = socket.shutdown(Shutdown::Both);
}

/// A socket's place in its group.
pub(crate) struct Membership {
    group: Arc<Group>,
    number: u64,
    process: u32,
}

impl Membership {
    pub(crate) fn room(&self) -> usize {
        if self.group.is_ended() { 0 } else { self.group.room }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // In a child the lock may be held for ever, by a thread that only its parent has.
        if self.process == std::process::id() {
            self.group.lock().sockets.remove(&self.number);
        }
    }
}
