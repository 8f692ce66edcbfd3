//! One connection, as its owner drives it.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use capnp::capability::Client;
use capnp_rpc::RpcSystem;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::call::{self, Body, Failure};
use crate::frame::{Assembler, Segments, Step};
use crate::hub::Hub;
use crate::ledger;
use crate::network::{Network, Remote};
use crate::servant::{BOOTSTRAP, Servant};
use crate::{Counts, Limits};

/// A connection without I/O. After its commands, any number of them, the host calls [`Connection::settle`] and takes
/// [`Connection::take_events`] and [`Connection::take_output`].
pub struct Connection {
    hub: Rc<Hub>,
    system: Option<RpcSystem<Remote>>,
    asked: FuturesUnordered<Pin<Box<dyn Future<Output = ()>>>>,
    assembler: Assembler,
    /// Bytes that were received while the connection was paused.
    backlog: Vec<u8>,
    alarm: Arc<Alarm>,
    waker: Waker,
}

struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Connection {
    /// Servant 0 is what the remote gets first.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let hub = Hub::new(limits);
        let bootstrap = Client::new(Servant::hook(&hub, BOOTSTRAP));
        let network = Network { hub: hub.clone(), is_accepted: false };
        let alarm = Arc::new(Alarm(AtomicBool::new(false)));
        let waker = Waker::from(alarm.clone());
        let system = Some(RpcSystem::new(Box::new(network), Some(bootstrap)));
        let mut connection = Self {
            hub,
            system,
            asked: FuturesUnordered::new(),
            assembler: Assembler::default(),
            backlog: Vec::new(),
            alarm,
            waker,
        };
        connection.drive();
        connection
    }

    /// Takes bytes of the stream. All are parsed, but for what a limit holds back.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.backlog.is_empty() {
            let mut rest = bytes;
            self.parse(&mut rest);
            self.backlog.extend_from_slice(rest);
        } else if self.backlog.len() + bytes.len() > self.hub.limits.memory_bytes {
            self.fail("TOO_LARGE: more was read than the connection may hold");
        } else {
            self.backlog.extend_from_slice(bytes);
        }
        self.drive();
    }

    /// Answers a call of the remote's. `capabilities` as in [`crate::events`].
    pub fn answer(&mut self, call: u32, body: Body, capabilities: &[i32]) {
        call::answer(&self.hub, call, body, capabilities);
    }

    /// Answers a call of the remote's with an exception.
    pub fn throw(&mut self, call: u32, failure: Failure, reason: &str) {
        call::throw(&self.hub, call, failure, reason);
    }

    /// Calls an object of the remote's; a record with `question` tells what came of it.
    #[allow(clippy::too_many_arguments, reason = "they are the fields of a call")]
    pub fn call(&mut self, question: u32, handle: u32, interface: u64, method: u16, body: Body, capabilities: &[i32]) {
        let future = call::make(&self.hub, question, handle, interface, method, body, capabilities);
        self.asked.push(future);
    }

    /// Lets go of an object of the remote's.
    pub fn release(&mut self, handle: u32) {
        let hook = self.hub.handles.borrow_mut().remove(&handle);
        drop(hook);
    }

    /// A reference to what the remote gives first.
    pub fn bootstrap(&mut self) -> u32 {
        let Some(system) = self.system.as_mut() else { return 0 };
        let client: Client = system.bootstrap(Remote);
        let handle = self.hub.number();
        self.hub.handles.borrow_mut().insert(handle, client.hook);
        self.drive();
        handle
    }

    /// Says goodbye and lets go of everything.
    pub fn close(&mut self) {
        self.fail("");
    }

    /// Lets all that was commanded have its effects: many answers together cost little more than one.
    pub fn settle(&mut self) {
        self.drive();
    }

    /// Moves whole records into `room`, at least 40,000 bytes, and says how many bytes of it. See [`crate::events`].
    pub fn take_events(&mut self, room: &mut [u8]) -> usize {
        self.hub.events.borrow_mut().take(room)
    }

    /// Bytes for the remote.
    #[must_use]
    pub fn output_bytes(&self) -> usize {
        self.hub.output.borrow().len()
    }

    /// The bytes for the remote, which are gone then.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.hub.output.borrow_mut())
    }

    /// Reads the bytes for the remote where they lie, and forgets them.
    pub fn with_output<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> R {
        let mut output = self.hub.output.borrow_mut();
        let result = read(&output);
        output.clear();
        // One large message shall not cost its room for ever.
        output.shrink_to(64 * 1024);
        result
    }

    /// The message with this handle.
    pub fn take_message(&mut self, handle: u32) -> Segments {
        self.hub.bodies.borrow_mut().remove(&handle).unwrap_or_default()
    }

    /// Whether the stream must not be read on.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        !self.backlog.is_empty() || self.is_full()
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.hub.ended.get()
    }

    /// What is held.
    #[must_use]
    pub fn counts(&self) -> Counts {
        if self.has_ended() {
            return Counts::default();
        }
        Counts {
            unanswered_calls: self.hub.ledger.borrow().unanswered(),
            exported: self.hub.servants.borrow().len().saturating_sub(1),
            imported: self.hub.handles.borrow().len(),
            memory_bytes: self.memory_bytes(),
        }
    }

    fn memory_bytes(&self) -> usize {
        self.hub.memory_bytes() + self.backlog.len() + self.assembler.held_bytes()
    }

    fn is_full(&self) -> bool {
        self.hub.ledger.borrow().unanswered() >= self.hub.limits.unanswered_calls
            || self.memory_bytes() >= self.hub.limits.memory_bytes
    }

    /// Runs all that can run, and parses what was held back if there is room again.
    fn drive(&mut self) {
        loop {
            self.run();
            // Answers that came with the goodbye have been told by now.
            let goodbye = self.hub.goodbye.take();
            if let Some(reason) = goodbye {
                self.hub.end(&reason);
            }
            if self.hub.ended.get() {
                return self.clear();
            }
            if self.is_stuck() {
                return self.fail("TOO_LARGE: the connection holds as much as it may");
            }
            if self.backlog.is_empty() || self.is_full() {
                return;
            }
            let backlog = std::mem::take(&mut self.backlog);
            let mut rest = backlog.as_slice();
            self.parse(&mut rest);
            if rest.len() == backlog.len() {
                self.backlog = backlog;
                return;
            }
            self.backlog = rest.to_vec();
        }
    }

    fn run(&mut self) {
        let waker = self.waker.clone();
        let mut context = Context::from_waker(&waker);
        loop {
            self.alarm.0.store(false, Ordering::Relaxed);
            if let Some(system) = self.system.as_mut() {
                let _ = Pin::new(system).poll(&mut context);
            }
            while let Poll::Ready(Some(())) = self.asked.poll_next_unpin(&mut context) {}
            let unwanted = std::mem::take(&mut self.hub.ledger.borrow_mut().unwanted);
            unwanted.into_iter().for_each(|call| call::cancel(&self.hub, call));
            if !self.alarm.0.load(Ordering::Relaxed) || self.hub.ended.get() {
                return;
            }
        }
    }

    /// Whether memory is short and no answer will ever free any.
    fn is_stuck(&self) -> bool {
        let is_short = || self.memory_bytes() >= self.hub.limits.memory_bytes;
        if self.hub.ledger.borrow().unanswered() > 0 || !is_short() {
            return false;
        }
        self.hub.sweep();
        // What the host takes away in a moment does not count.
        is_short() && self.memory_bytes() - self.hub.passing_bytes() >= self.hub.limits.memory_bytes
    }

    fn parse(&mut self, input: &mut &[u8]) {
        while !self.hub.ended.get() && self.hub.goodbye.borrow().is_none() && !self.is_full() {
            if let Some(bytes) = self.assembler.declared_bytes()
                && !self.has_room(bytes)
            {
                return;
            }
            match self.assembler.advance(input, self.hub.limits.message_bytes) {
                Ok(Step::Starved) => return,
                Ok(Step::Declared(_)) => {}
                Ok(Step::Complete(segments)) => match ledger::inspect(&self.hub, segments) {
                    Ok(Some(held)) => self.hub.deliver(Ok(held), false),
                    Ok(None) => {}
                    Err(error) => return self.hub.deliver(Err(error), false),
                },
                Err(error) => return self.hub.deliver(Err(capnp::Error::failed(error.to_string())), false),
            }
        }
    }

    /// Whether a message of so many bytes can be taken now. If it never can, the connection ends.
    fn has_room(&mut self, bytes: usize) -> bool {
        let limit = self.hub.limits.memory_bytes;
        if self.memory_bytes() + bytes <= limit {
            return true;
        }
        self.hub.sweep();
        if self.memory_bytes() + bytes <= limit {
            return true;
        }
        if self.hub.ledger.borrow().unanswered() == 0 {
            self.hub.deliver(
                Err(capnp::Error::overloaded("TOO_LARGE: the connection holds as much as it may".into())),
                false,
            );
        }
        false
    }

    /// Tells the remote why, and the host unless it asked for it.
    fn fail(&mut self, reason: &str) {
        if !reason.is_empty() {
            self.hub.deliver(Err(capnp::Error::failed(reason.into())), true);
            self.run();
        }
        self.clear();
        self.hub.end(reason);
    }

    /// Lets go of all that belongs to the connection, in an order in which nothing is looked for that is gone.
    fn clear(&mut self) {
        if let Some(system) = self.system.as_ref() {
            // Its tables point to themselves until they are emptied by this. Writes the goodbye, unless all has ended already.
            let _ = Box::pin(system.get_disconnector()).as_mut().poll(&mut Context::from_waker(&self.waker));
        }
        self.hub.quiet.set(true);
        self.asked = FuturesUnordered::new();
        let calls = std::mem::take(&mut *self.hub.calls.borrow_mut());
        drop(calls);
        let handles = std::mem::take(&mut *self.hub.handles.borrow_mut());
        drop(handles);
        self.system = None;
        let inbox = std::mem::take(&mut *self.hub.inbox.borrow_mut());
        drop(inbox);
        *self.hub.ledger.borrow_mut() = ledger::Ledger::default();
        self.hub.bodies.borrow_mut().clear();
        self.hub.last_read.borrow_mut().take();
        self.hub.last_begun.borrow_mut().take();
        self.assembler = Assembler::default();
        self.backlog = Vec::new();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.clear();
    }
}
