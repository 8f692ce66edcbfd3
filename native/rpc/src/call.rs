//! Calls that the host answers, and calls that it makes.

use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use capnp::any_pointer;
use capnp::capability::Promise;
use capnp::message::{Reader, ReaderOptions};
use capnp::private::capability::{ClientHook, ParamsHook, ResultsHook};
use capnp::traits::Imbue;
use capnp::{Error, ErrorKind};
use futures::channel::oneshot;

use crate::events;
use crate::frame::total_bytes;
use crate::hub::Hub;
use crate::incoming::{self, Parts};

/// A finished message of the host's in one segment.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// All of it, or with a handle at least the first word.
    pub head: Vec<u8>,
    /// Bytes of all of it; a multiple of 8.
    pub bytes: usize,
    /// When not 0, the host sends the bytes where a `SPLICE` says so.
    pub handle: u32,
}

/// Types of exceptions, as the protocol numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Something went wrong.
    Failed,
    /// Too much at present; later it may work.
    Overloaded,
    /// The connection to what was needed is gone.
    Disconnected,
    /// There is no such method.
    Unimplemented,
}

impl Failure {
    /// From the host's number.
    #[must_use]
    pub fn of(number: u32) -> Self {
        [Self::Failed, Self::Overloaded, Self::Disconnected, Self::Unimplemented]
            .get(number as usize)
            .copied()
            .unwrap_or(Self::Failed)
    }

    fn kind(self) -> ErrorKind {
        match self {
            Self::Failed => ErrorKind::Failed,
            Self::Overloaded => ErrorKind::Overloaded,
            Self::Disconnected => ErrorKind::Disconnected,
            Self::Unimplemented => ErrorKind::Unimplemented,
        }
    }
}

/// A call that is with the host.
pub(crate) struct Call {
    results: Box<dyn ResultsHook>,
    done: oneshot::Sender<Result<(), Error>>,
    /// Of its parameters.
    bytes: usize,
}

/// Hands a call on a servant to the host.
pub(crate) fn begin(
    hub: &Rc<Hub>,
    servant: u32,
    interface: u64,
    method: u16,
    params: Box<dyn ParamsHook>,
    results: Box<dyn ResultsHook>,
) -> Promise<(), Error> {
    let content = match incoming::take(hub, params, |params| params.get()) {
        Ok(content) => content,
        Err(error) => return Promise::err(error),
    };
    let call = hub.number();
    if let Some(question) = content.question
        && !hub.ledger.borrow_mut().dispatched(question, call)
    {
        return Promise::err(Error::failed("ABORTED: the caller gave up".into()));
    }
    let capabilities = hub.describe(content.hooks);
    let bytes = total_bytes(&content.segments);
    hub.message_bytes.set(hub.message_bytes.get() + bytes);
    let (done, outcome) = oneshot::channel();
    hub.calls.borrow_mut().insert(call, Call { results, done, bytes });
    hub.report(
        events::CALL,
        &[call, servant, interface as u32, (interface >> 32) as u32, u32::from(method)],
        &capabilities,
        content.segments,
    );
    Promise::from_future(Running { hub: Rc::downgrade(hub), call, outcome })
}

/// Until the host has answered; dropped before, nobody wants the answer.
struct Running {
    hub: Weak<Hub>,
    call: u32,
    outcome: oneshot::Receiver<Result<(), Error>>,
}

impl Future for Running {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.outcome)
            .poll(context)
            .map(|outcome| outcome.unwrap_or_else(|_| Err(Error::failed("ABORTED: the call was given up".into()))))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            cancel(&hub, self.call);
        }
    }
}

/// Tells the host that a call needs no answer, and ends it.
pub(crate) fn cancel(hub: &Rc<Hub>, call: u32) {
    let Some(entry) = forget(hub, call) else { return };
    if !hub.quiet.get() {
        hub.events.borrow_mut().plain(events::CANCEL, &[call]);
    }
    settle(entry, Err(Error::failed("ABORTED: the caller gave up".into())));
}

fn forget(hub: &Rc<Hub>, call: u32) -> Option<Call> {
    let entry = hub.calls.borrow_mut().remove(&call)?;
    hub.message_bytes.set(hub.message_bytes.get().saturating_sub(entry.bytes));
    hub.bodies.borrow_mut().remove(&call);
    Some(entry)
}

fn settle(entry: Call, outcome: Result<(), Error>) {
    // The results are complete when their hook is dropped.
    drop(entry.results);
    let _ = entry.done.send(outcome);
}

/// Answers a call. Nothing happens when it is not wanted any more.
pub(crate) fn answer(hub: &Rc<Hub>, call: u32, body: Body, capabilities: &[i32]) {
    let hooks = capabilities.iter().map(|&capability| hub.hook(capability)).collect::<Vec<_>>();
    let Some(mut entry) = forget(hub, call) else { return };
    // The bootstrap servant does not count.
    let outcome = if hub.servants.borrow().len() > hub.limits.capabilities + 1 {
        Err(Error::overloaded("TOO_MANY: capabilities of this connection".into()))
    } else {
        check(hub, &body).and_then(|()| {
            hub.last_begun.borrow_mut().take();
            entry.results.get().and_then(|content| put(hub, content, body, hooks))
        })
    };
    settle(entry, outcome);
}

/// Answers a call with an exception.
pub(crate) fn throw(hub: &Rc<Hub>, call: u32, failure: Failure, reason: &str) {
    if let Some(entry) = forget(hub, call) {
        settle(entry, Err(Error { kind: failure.kind(), extra: reason.into() }));
    }
}

/// Makes a call; the future reports what comes of it.
pub(crate) fn make(
    hub: &Rc<Hub>,
    question: u32,
    handle: u32,
    interface: u64,
    method: u16,
    body: Body,
    capabilities: &[i32],
) -> Pin<Box<dyn Future<Output = ()>>> {
    let hooks = capabilities.iter().map(|&capability| hub.hook(capability)).collect::<Vec<_>>();
    let target = hub.handles.borrow().get(&handle).map(|hook| hook.add_ref());
    let sent = check(hub, &body).and_then(|()| {
        let target = target.ok_or_else(|| Error::disconnected("the capability was released".into()))?;
        hub.last_begun.borrow_mut().take();
        let mut request = crate::hub::resolved(target).new_call(interface, method, None);
        put(hub, request.get(), body, hooks)?;
        Ok(request.send().promise)
    });
    let hub = hub.clone();
    Box::pin(async move {
        let outcome = match sent {
            Ok(promise) => promise.await.and_then(|response| incoming::take(&hub, response, |response| response.get())),
            Err(error) => Err(error),
        };
        if hub.quiet.get() {
            return;
        }
        match outcome {
            Ok(content) => {
                let capabilities = hub.describe(content.hooks);
                hub.report(events::RETURNED, &[question], &capabilities, content.segments);
            }
            Err(error) => {
                let failure = match error.kind {
                    ErrorKind::Overloaded => 1,
                    ErrorKind::Disconnected => 2,
                    ErrorKind::Unimplemented => 3,
                    _ => 0,
                };
                let reason = error.extra.strip_prefix("remote exception: ").unwrap_or(&error.extra);
                hub.events.borrow_mut().text(events::FAILED, &[question, failure], reason);
            }
        }
    })
}

fn check(hub: &Hub, body: &Body) -> capnp::Result<()> {
    if body.bytes > hub.limits.message_bytes {
        return Err(Error::failed(format!("TOO_LARGE: a message of {} bytes is beyond the limit", body.bytes)));
    }
    if !body.bytes.is_multiple_of(8)
        || body.bytes < 8
        || body.head.len() < 8
        || (body.handle == 0 && body.head.len() != body.bytes)
    {
        return Err(Error::failed("INTERNAL: not a message in one segment".into()));
    }
    Ok(())
}

/// Appends the message as it is when it has no capabilities and goes to the remote; else it is copied in.
fn put(
    hub: &Rc<Hub>,
    mut content: any_pointer::Builder<'_>,
    body: Body,
    hooks: Vec<Option<Box<dyn ClientHook>>>,
) -> capnp::Result<()> {
    let begun = hub.last_begun.borrow_mut().take();
    if let (Some(attachment), true) = (begun, hooks.is_empty()) {
        *attachment.0.borrow_mut() = Some(body);
        return Ok(());
    }
    if body.handle != 0 {
        return Err(Error::failed(
            "TOO_LARGE: a message with capabilities, or to an object of this side, has to be small".into(),
        ));
    }
    let mut words = vec![0; body.head.len() / 8];
    crate::frame::bytes_mut(&mut words).copy_from_slice(&body.head);
    let reader = Reader::new(
        Parts(vec![words]),
        ReaderOptions { traversal_limit_in_words: Some(hub.limits.traversal_words), nesting_limit: hub.limits.nesting },
    );
    let mut root: any_pointer::Reader = reader.get_root()?;
    root.imbue(&hooks);
    content.set_as(root)?;
    Ok(())
}
