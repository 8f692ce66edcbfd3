//! Objects of the host as capabilities: calls on them become records for the host.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::{Rc, Weak};

use capnp::any_pointer;
use capnp::capability::{
    Client, DispatchCallResult, FromClientHook, FromServer, Params, Promise, Request, Results, Server,
};
use capnp::private::capability::{ClientHook, ParamsHook, ResultsHook};
use capnp::{Error, MessageSize};

use crate::call;
use crate::events;
use crate::hub::Hub;

/// The bootstrap capability's number.
pub(crate) const BOOTSTRAP: u32 = 0;

/// One for all references to an object; gone when the last of them is.
pub(crate) struct Servant {
    pub(crate) id: u32,
    hub: Weak<Hub>,
    /// How often the host has sent it since this stands, so that it knows whether it was sent again in between.
    sent: Cell<u32>,
}

impl Servant {
    /// Another reference.
    pub(crate) fn hook(hub: &Rc<Hub>, id: u32) -> Box<dyn ClientHook> {
        let found = hub.servants.borrow().get(&id).and_then(Weak::upgrade);
        let servant = found.unwrap_or_else(|| {
            let servant = Rc::new(Self { id, hub: Rc::downgrade(hub), sent: Cell::new(0) });
            hub.servants.borrow_mut().insert(id, Rc::downgrade(&servant));
            hub.servants_by_place.borrow_mut().insert(Rc::as_ptr(&servant) as usize, id);
            servant
        });
        servant.sent.set(servant.sent.get() + 1);
        Box::new(Reference(servant))
    }
}

impl Drop for Servant {
    fn drop(&mut self) {
        let Some(hub) = self.hub.upgrade() else { return };
        hub.servants.borrow_mut().remove(&self.id);
        hub.servants_by_place.borrow_mut().remove(&(std::ptr::from_ref(self) as usize));
        if !hub.quiet.get() {
            hub.events.borrow_mut().plain(events::DROPPED, &[self.id, self.sent.get()]);
        }
    }
}

#[derive(Clone)]
struct Reference(Rc<Servant>);

impl ClientHook for Reference {
    fn add_ref(&self) -> Box<dyn ClientHook> {
        Box::new(self.clone())
    }

    /// For calls from this side, such as those that a promise held back until it was fulfilled by our own object.
    fn new_call(
        &self,
        interface_id: u64,
        method_id: u16,
        hint: Option<MessageSize>,
    ) -> Request<any_pointer::Owned, any_pointer::Owned> {
        capnp_rpc::new_client::<Untyped, _>(Local(self.clone())).0.hook.new_call(interface_id, method_id, hint)
    }

    fn call(
        &self,
        interface_id: u64,
        method_id: u16,
        params: Box<dyn ParamsHook>,
        results: Box<dyn ResultsHook>,
    ) -> Promise<(), Error> {
        match self.0.hub.upgrade() {
            Some(hub) => call::begin(&hub, self.0.id, interface_id, method_id, params, results),
            None => Promise::err(Error::disconnected("the connection is closed".into())),
        }
    }

    fn get_brand(&self) -> usize {
        self.0.hub.as_ptr() as usize
    }

    fn get_ptr(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }

    fn get_resolved(&self) -> Option<Box<dyn ClientHook>> {
        None
    }

    fn when_more_resolved(&self) -> Option<Promise<Box<dyn ClientHook>, Error>> {
        None
    }

    fn when_resolved(&self) -> Promise<(), Error> {
        Promise::ok(())
    }
}

/// What `capnp-rpc` wants in order to make the request object of a local call.
struct Local(Reference);

#[derive(Clone)]
struct Dispatch(Rc<Local>);

impl Deref for Dispatch {
    type Target = Local;
    fn deref(&self) -> &Local {
        &self.0
    }
}

impl Server for Dispatch {
    fn dispatch_call(
        self,
        interface_id: u64,
        method_id: u16,
        params: Params<any_pointer::Owned>,
        results: Results<any_pointer::Owned>,
    ) -> DispatchCallResult {
        DispatchCallResult::new(self.0.0.call(interface_id, method_id, params.hook, results.hook), false)
    }

    fn as_ptr(&self) -> usize {
        self.0.0.get_ptr()
    }
}

struct Untyped(Client);

impl FromClientHook for Untyped {
    fn new(hook: Box<dyn ClientHook>) -> Self {
        Self(Client::new(hook))
    }

    fn into_client_hook(self) -> Box<dyn ClientHook> {
        self.0.hook
    }

    fn as_client_hook(&self) -> &dyn ClientHook {
        self.0.hook.as_ref()
    }
}

impl FromServer<Local> for Untyped {
    type Dispatch = Dispatch;

    fn from_server(local: Rc<Local>) -> Dispatch {
        Dispatch(local)
    }
}
