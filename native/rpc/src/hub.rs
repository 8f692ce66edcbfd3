//! What the parts of one connection share. Nothing here is borrowed while code of `capnp-rpc` runs.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::task::Waker;

use capnp::message::{Builder, HeapAllocator};
use capnp::private::capability::ClientHook;

use crate::Limits;
use crate::call::Call;
use crate::events::{self, Events};
use crate::frame::{Segments, total_bytes};
use crate::incoming::{Frame, Held};
use crate::ledger::Ledger;
use crate::outgoing::Attachment;
use crate::servant::Servant;

/// Estimated bytes of an entry in the tables, here and in `capnp-rpc`.
const ENTRY_BYTES: usize = 1024;

pub(crate) struct Hub {
    pub(crate) limits: Limits,
    pub(crate) events: RefCell<Events>,
    pub(crate) output: RefCell<Vec<u8>>,
    /// Messages that `capnp-rpc` has not asked for yet.
    pub(crate) inbox: RefCell<VecDeque<Result<Held, capnp::Error>>>,
    pub(crate) receiver: Cell<Option<Waker>>,
    pub(crate) ledger: RefCell<Ledger>,
    pub(crate) calls: RefCell<HashMap<u32, Call>>,
    /// References to objects of the remote that the host knows by number.
    pub(crate) handles: RefCell<HashMap<u32, Box<dyn ClientHook>>>,
    pub(crate) servants: RefCell<HashMap<u32, Weak<Servant>>>,
    pub(crate) servants_by_place: RefCell<HashMap<usize, u32>>,
    /// Messages that wait to be taken by handle.
    pub(crate) bodies: RefCell<HashMap<u32, Segments>>,
    /// The received message that was read last: how we learn which one a hook holds.
    pub(crate) last_read: RefCell<Option<Rc<Frame>>>,
    /// The message that `capnp-rpc` began last: how we learn which one a request or a result is written to.
    pub(crate) last_begun: RefCell<Option<Rc<Attachment>>>,
    /// Of received messages and the parameters of unanswered calls.
    pub(crate) message_bytes: Cell<usize>,
    retained: RefCell<Retained>,
    next: Cell<u32>,
    pub(crate) ended: Cell<bool>,
    /// The remote's goodbye. It holds once all that came before it had its effects.
    pub(crate) goodbye: RefCell<Option<String>>,
    /// The host closes, or has been told why all ended.
    pub(crate) quiet: Cell<bool>,
}

impl Hub {
    pub(crate) fn new(limits: Limits) -> Rc<Self> {
        Rc::new(Self {
            limits,
            events: RefCell::default(),
            output: RefCell::default(),
            inbox: RefCell::default(),
            receiver: Cell::new(None),
            ledger: RefCell::default(),
            calls: RefCell::default(),
            handles: RefCell::default(),
            servants: RefCell::default(),
            servants_by_place: RefCell::default(),
            bodies: RefCell::default(),
            last_read: RefCell::default(),
            last_begun: RefCell::default(),
            message_bytes: Cell::new(0),
            retained: RefCell::default(),
            next: Cell::new(1),
            ended: Cell::new(false),
            goodbye: RefCell::default(),
            quiet: Cell::new(false),
        })
    }

    /// Identifies our servants among capabilities.
    pub(crate) fn brand(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    /// A number that is in nobody's use: calls, handles and bodies share one count.
    pub(crate) fn number(&self) -> u32 {
        loop {
            let number = self.next.get();
            // Handles travel as positive signed numbers.
            self.next.set(if number >= i32::MAX as u32 { 1 } else { number + 1 });
            if !self.handles.borrow().contains_key(&number)
                && !self.calls.borrow().contains_key(&number)
                && !self.bodies.borrow().contains_key(&number)
            {
                return number;
            }
        }
    }

    pub(crate) fn deliver(&self, message: Result<Held, capnp::Error>, first: bool) {
        let mut inbox = self.inbox.borrow_mut();
        if first {
            inbox.push_front(message)
        } else {
            inbox.push_back(message)
        }
        drop(inbox);
        if let Some(waker) = self.receiver.take() {
            waker.wake();
        }
    }

    /// Reports the end once; what comes after it is nobody's concern.
    pub(crate) fn end(&self, reason: &str) {
        self.ended.set(true);
        if !self.quiet.replace(true) {
            self.events.borrow_mut().text(events::ENDED, &[], reason);
        }
    }

    /// What interface pointers of a message name, for the host.
    pub(crate) fn describe(self: &Rc<Self>, hooks: Vec<Option<Box<dyn ClientHook>>>) -> Vec<i32> {
        hooks.into_iter().map(|hook| hook.map_or(0, |hook| self.describe_one(hook))).collect()
    }

    fn describe_one(self: &Rc<Self>, hook: Box<dyn ClientHook>) -> i32 {
        let hook = resolved(hook);
        if hook.get_brand() == self.brand()
            && let Some(&id) = self.servants_by_place.borrow().get(&hook.get_ptr())
        {
            return -1 - id as i32;
        }
        let number = self.number();
        self.handles.borrow_mut().insert(number, hook);
        number as i32
    }

    /// The other way round: what the host names.
    pub(crate) fn hook(self: &Rc<Self>, capability: i32) -> Option<Box<dyn ClientHook>> {
        match capability {
            0 => None,
            1.. => self.handles.borrow().get(&(capability as u32)).map(|hook| hook.add_ref()),
            _ => Some(Servant::hook(self, (-1 - capability) as u32)),
        }
    }

    /// Hands a message to the host: along with the record, or to be taken by the handle that stands in it.
    pub(crate) fn report(&self, kind: u32, words: &[u32], capabilities: &[i32], segments: Segments) {
        let handle = if total_bytes(&segments) <= events::INLINE_BYTES { 0 } else { self.number() };
        self.events.borrow_mut().message(kind, words, capabilities, handle, &segments);
        if handle != 0 {
            self.bodies.borrow_mut().insert(handle, segments);
        }
    }

    /// Remembers results with capabilities, which are kept until the caller is finished with them.
    pub(crate) fn retain(&self, message: &Rc<Builder<HeapAllocator>>, bytes: usize) {
        let mut retained = self.retained.borrow_mut();
        if retained.messages.len() >= retained.sweep_at {
            retained.sweep();
            retained.sweep_at = (retained.messages.len() * 2).max(64);
        }
        retained.messages.push((Rc::downgrade(message), bytes));
        retained.bytes += bytes;
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let tables = self.ledger.borrow().answers() + self.handles.borrow().len() + self.servants.borrow().len();
        self.message_bytes.get() + self.passing_bytes() + self.retained.borrow().bytes + tables * ENTRY_BYTES
    }

    /// What the host takes away as soon as it is its turn.
    pub(crate) fn passing_bytes(&self) -> usize {
        self.output.borrow().len() + self.events.borrow().len()
    }

    /// Counts again what results are kept; for when memory is short.
    pub(crate) fn sweep(&self) {
        self.retained.borrow_mut().sweep();
    }
}

/// Follows promises that are fulfilled.
pub(crate) fn resolved(mut hook: Box<dyn ClientHook>) -> Box<dyn ClientHook> {
    while let Some(inner) = hook.get_resolved() {
        hook = inner;
    }
    hook
}

#[derive(Default)]
struct Retained {
    messages: Vec<(Weak<Builder<HeapAllocator>>, usize)>,
    bytes: usize,
    sweep_at: usize,
}

impl Retained {
    fn sweep(&mut self) {
        self.messages.retain(|(message, _)| message.strong_count() > 0);
        self.bytes = self.messages.iter().map(|(_, bytes)| bytes).sum();
    }
}
