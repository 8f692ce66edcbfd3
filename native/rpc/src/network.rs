//! The network that `capnp-rpc` sees: one connection, whose messages come out of the hub and go into it.

use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use capnp::Error;
use capnp::capability::Promise;
use capnp_rpc::{Connection, IncomingMessage, OutgoingMessage, VatNetwork};

use crate::hub::Hub;
use crate::outgoing::Outgoing;

/// Name of the one remote.
#[derive(Clone, Copy)]
pub(crate) struct Remote;

pub(crate) struct Network {
    pub(crate) hub: Rc<Hub>,
    pub(crate) is_accepted: bool,
}

impl VatNetwork<Remote> for Network {
    fn connect(&mut self, _: Remote) -> Option<Box<dyn Connection<Remote>>> {
        // The one that was accepted is found first.
        Some(Box::new(Wire(self.hub.clone())))
    }

    fn accept(&mut self) -> Promise<Box<dyn Connection<Remote>>, Error> {
        if std::mem::replace(&mut self.is_accepted, true) {
            return Promise::from_future(pending());
        }
        Promise::ok(Box::new(Wire(self.hub.clone())))
    }

    fn drive_until_shutdown(&mut self) -> Promise<(), Error> {
        Promise::from_future(pending())
    }
}

struct Wire(Rc<Hub>);

impl Connection<Remote> for Wire {
    fn get_peer_vat_id(&self) -> Remote {
        Remote
    }

    fn new_outgoing_message(&mut self, first_segment_words: u32) -> Box<dyn OutgoingMessage> {
        Box::new(Outgoing::new(&self.0, first_segment_words))
    }

    fn receive_incoming_message(&mut self) -> Promise<Option<Box<dyn IncomingMessage>>, Error> {
        let hub = self.0.clone();
        Promise::from_future(poll_fn(move |context| {
            let next = hub.inbox.borrow_mut().pop_front();
            match next {
                Some(message) => Poll::Ready(message.map(|held| Some(Box::new(held) as Box<dyn IncomingMessage>))),
                None => {
                    hub.receiver.set(Some(context.waker().clone()));
                    Poll::Pending
                }
            }
        }))
    }

    fn shutdown(&mut self, result: capnp::Result<()>) -> Promise<(), Error> {
        let reason = match result {
            Ok(()) => String::new(),
            Err(error) => reason(&error),
        };
        self.0.end(&reason);
        Promise::ok(())
    }
}

/// With a code in front, whoever made the error.
fn reason(error: &Error) -> String {
    let code = error.extra.split(": ").next().unwrap_or_default();
    if !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
        return error.extra.clone();
    }
    format!("PROTOCOL: {error}")
}
