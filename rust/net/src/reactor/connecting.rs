//! The way to the origin: one address after the other, a proxy, a tunnel, TLS. It never waits.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::Reactor;
use super::conversation::{Conversation, SILENCE, Way};
use crate::transport::deadline::Limits;
use crate::transport::error::TransportError;

impl Reactor {
    /// Whether TCP is there; tries the next address where one refused.
    pub(super) fn go_on_connecting(&mut self, number: usize) -> Result<bool, TransportError> {
        let Some(conversation) = self.conversations.get_mut(&number) else { return Ok(false) };
        match conversation.connected() {
            None => Ok(false),
            Some(Ok(())) => {
                // Tunnel and TLS have the whole connect time-out once more.
                conversation.limits.until = self.options.until();
                conversation.arrive();
                conversation.way = match &self.options.proxy {
                    Some(proxy) if proxy.tls.is_some() => Way::ProxysTls,
                    Some(proxy) if proxy.tunnel => Way::Tunnel,
                    None if self.options.tls.is_some() => Way::OriginsTls,
                    _ => Way::Open,
                };
                self.begin_step(number)?;
                Ok(true)
            }
            Some(Err(error)) => {
                // The system has a limit of its own, for those who set none.
                let failure = match error.raw_os_error() {
                    Some(libc::ETIMEDOUT) => TransportError::ConnectTimeout,
                    _ => TransportError::Connect(error.to_string()),
                };
                self.try_another(number, failure)?;
                Ok(false)
            }
        }
    }

    /// Begins the step of the way that the conversation has come to.
    fn begin_step(&mut self, number: usize) -> Result<(), TransportError> {
        let options = &self.options;
        let Some(conversation) = self.conversations.get_mut(&number) else { return Ok(()) };
        match (conversation.way, &options.proxy, &options.tls) {
            (Way::ProxysTls, Some(proxy), _) => {
                if let Some(tls) = &proxy.tls {
                    conversation.channel.secure(tls.client(&proxy.host)?);
                }
                conversation.shake();
            }
            (Way::Tunnel, Some(proxy), _) => {
                conversation.tunnel(&proxy.request(&options.host, options.port));
            }
            (Way::OriginsTls, _, Some(tls)) => {
                conversation.channel.secure(tls.client(&options.host)?);
                conversation.shake();
            }
            _ => conversation.shake(), // nothing to shake hands about
        }
        Ok(())
    }

    /// Goes on after a step of the way; whether it was the last one.
    pub(super) fn next_step(&mut self, number: usize) -> Result<bool, TransportError> {
        let options = &self.options;
        let tunnel = options.proxy.as_ref().is_some_and(|proxy| proxy.tunnel);
        let Some(conversation) = self.conversations.get_mut(&number) else { return Ok(true) };
        conversation.way = match conversation.way {
            Way::ProxysTls if tunnel => Way::Tunnel,
            Way::Tunnel if options.tls.is_some() => Way::OriginsTls,
            Way::OriginsTls => {
                conversation.secured();
                Way::Open
            }
            _ => Way::Open,
        };
        if conversation.way == Way::Open {
            return Ok(true);
        }
        self.begin_step(number)?;
        Ok(false)
    }

    /// An error on the way to the proxy, or in its name, as one that names the proxy.
    pub(super) fn blamed_on_the_way(&self, number: usize, error: TransportError) -> TransportError {
        let Some(conversation) = self.conversations.get(&number) else { return error };
        match (&self.options.proxy, conversation.way) {
            (Some(_), Way::Tcp | Way::ProxysTls) => self.blamed(error),
            (Some(proxy), Way::Tunnel) => proxy.name(error),
            // Behind a proxy it is the proxy that has ended, as boto3 sees it.
            (Some(proxy), Way::Open) if error == SILENCE => proxy.blame(TransportError::Closed),
            (None, _) if error == SILENCE && !conversation.died_idle() => TransportError::Closed,
            _ => error,
        }
    }

    pub(super) fn blamed(&self, error: TransportError) -> TransportError {
        match &self.options.proxy {
            None => error,
            Some(proxy) => proxy.blame(error),
        }
    }

    /// Goes on with the next address where one has failed, if there is one, and time.
    pub(super) fn try_another(
        &mut self,
        number: usize,
        failure: TransportError,
    ) -> Result<(), TransportError> {
        let Some(conversation) = self.conversations.get_mut(&number) else { return Err(failure) };
        let deadline = conversation.limits.deadline;
        let left = conversation.addresses_left().map(std::mem::take);
        match (left, &failure) {
            (Some(left), TransportError::Connect(_) | TransportError::ConnectTimeout) => {
                self.dial(number, left, failure, deadline)
            }
            _ => Err(failure),
        }
    }

    /// Begins to connect to the first of the addresses that does not refuse at once.
    pub(super) fn dial(
        &mut self,
        number: usize,
        mut left: VecDeque<SocketAddr>,
        mut failure: TransportError,
        deadline: Option<Instant>,
    ) -> Result<(), TransportError> {
        while let Some(address) = left.pop_front() {
            match self.dial_one(number, address) {
                Ok(socket) => {
                    let limits = Limits { each: None, until: self.options.until(), deadline };
                    let mut conversation = Conversation::connecting(socket, left, limits);
                    conversation.wait()?;
                    self.conversations.insert(number, conversation);
                    self.schedule(number);
                    return Ok(());
                }
                // Another one may answer; else it is the last one's failure that is reported.
                Err(error) => failure = TransportError::Connect(error.to_string()),
            }
        }
        Err(failure)
    }

    fn dial_one(&self, number: usize, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if self.options.tcp_keepalive {
            socket.set_keepalive(true)?;
        }
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        let mut socket = TcpStream::from_std(socket.into());
        let interest = Interest::READABLE | Interest::WRITABLE;
        let poll = self.poll.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        poll.registry().register(&mut socket, Token(number), interest)?;
        Ok(socket)
    }
}
