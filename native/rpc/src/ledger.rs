//! What was asked and answered, seen from the wire.
//!
//! `capnp-rpc` drops a call whose `Finish` comes before its `Return`, and then never sends one: the caller's table keeps the
//! question for ever, and ours the answer. So a `Finish` is held back until the call has returned. A call that nothing
//! depends on any more is ended at once, with an exception that nobody reads.
//!
//! A `Resolve` only makes the way to an object shorter, and hostile ones make circles (a promise that is kept by itself) in
//! which `capnp-rpc` runs for ever. They are answered with `unimplemented`, as the protocol has it: the remote lets go of
//! what it offered, and goes on to forward calls on the promise.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use capnp::message::{Reader, ReaderOptions};
use capnp::{Error, struct_list};
use capnp_rpc::rpc_capnp::{call, cap_descriptor, message, message_target, payload, promised_answer, return_};

use crate::frame::{Segments, total_bytes};
use crate::hub::Hub;
use crate::incoming::{Frame, Held, Kind, Parts};
use crate::outgoing;

/// Capabilities in one message, so that a record of it has a bound.
const MESSAGE_CAPABILITIES: u32 = 4096;
/// A message that is not understood is sent back whole, but not beyond this.
const UNKNOWN_BYTES: usize = 64 * 1024;

#[derive(Default)]
pub(crate) struct Ledger {
    answers: HashMap<u32, Answer>,
    /// Our own that wait for results.
    questions: HashSet<u32>,
    unanswered: usize,
    /// Capabilities in calls that are not with the host yet.
    waiting: usize,
    /// Calls of the host's that nobody waits for any more.
    pub(crate) unwanted: Vec<u32>,
}

#[derive(Default)]
struct Answer {
    is_call: bool,
    returned: bool,
    /// The host's number of the call, once it has it.
    call: Option<u32>,
    finish: Option<Held>,
    /// Calls on the results of this one.
    dependents: Vec<u32>,
    target: Option<u32>,
    /// A capability of the results was sent to us: it may be held for ever.
    pinned: bool,
    capabilities: usize,
}

impl Ledger {
    pub(crate) fn answers(&self) -> usize {
        self.answers.len()
    }

    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered
    }

    pub(crate) fn asked(&mut self, question: u32) {
        self.questions.insert(question);
    }

    pub(crate) fn finished(&mut self, question: u32) {
        self.questions.remove(&question);
    }

    /// A `Return` goes out; gives the `Finish` that can be delivered now.
    pub(crate) fn returned(&mut self, question: u32, finishes: bool) -> Option<Held> {
        let answer = self.answers.get_mut(&question)?;
        answer.returned = true;
        self.waiting -= std::mem::take(&mut answer.capabilities);
        self.unanswered -= usize::from(std::mem::take(&mut answer.is_call));
        let (finish, target) = (answer.finish.take(), answer.target);
        if finishes || finish.is_some() {
            self.answers.remove(&question);
        }
        if let Some(target) = target {
            self.give_up(target);
        }
        finish.filter(|_| !finishes)
    }

    /// The host gets a call. `false` when it is not wanted any more.
    pub(crate) fn dispatched(&mut self, question: u32, call: u32) -> bool {
        let wanted = !self.is_unwanted(question);
        if let Some(answer) = self.answers.get_mut(&question) {
            answer.call = Some(call);
            self.waiting -= std::mem::take(&mut answer.capabilities);
        }
        wanted
    }

    fn is_unwanted(&self, question: u32) -> bool {
        self.answers.get(&question).is_some_and(|answer| {
            answer.finish.is_some()
                && !answer.returned
                && !answer.pinned
                && answer
                    .dependents
                    .iter()
                    .all(|other| self.answers.get(other).is_none_or(|other| other.returned || other.finish.is_some()))
        })
    }

    fn give_up(&mut self, question: u32) {
        if self.is_unwanted(question)
            && let Some(call) = self.answers.get_mut(&question).and_then(|answer| answer.call.take())
        {
            self.unwanted.push(call);
        }
    }

    fn called(&mut self, call: &CallFacts) -> capnp::Result<()> {
        let answer = Answer {
            is_call: true,
            target: call.target,
            capabilities: call.capabilities as usize,
            ..Answer::default()
        };
        if self.answers.contains_key(&call.question) {
            return Err(Error::failed(format!("PROTOCOL: question {} is in use", call.question)));
        }
        if let Some(target) =
            call.target.and_then(|target| self.answers.get_mut(&target)).filter(|target| !target.returned)
        {
            target.dependents.push(call.question);
        }
        for used in &call.pins {
            if let Some(answer) = self.answers.get_mut(used) {
                answer.pinned = true;
            }
        }
        self.answers.insert(call.question, answer);
        self.unanswered += 1;
        self.waiting += call.capabilities as usize;
        Ok(())
    }

    /// Gives the `Finish` back when it is to be delivered now.
    fn finish(&mut self, question: u32, finish: Held) -> Option<Held> {
        let answer = self.answers.get_mut(&question)?;
        if answer.returned {
            self.answers.remove(&question);
            return Some(finish);
        }
        let target = answer.target;
        answer.finish = Some(finish);
        self.give_up(question);
        if let Some(target) = target {
            self.give_up(target);
        }
        None
    }
}

struct CallFacts {
    question: u32,
    target: Option<u32>,
    capabilities: u32,
    pins: Vec<u32>,
}

enum Facts {
    Call(CallFacts),
    Return { question: u32, capabilities: u32, has_results: bool },
    Bootstrap(u32),
    Finish(u32),
    Abort(String),
    Resolve,
    Other,
}

/// Looks at a received message before `capnp-rpc` does; gives what that is to have.
///
/// # Errors
/// The connection has to end.
pub(crate) fn inspect(hub: &Rc<Hub>, segments: Segments) -> capnp::Result<Option<Held>> {
    let bytes = total_bytes(&segments);
    // Read once a message visits no more words than it has; twice allows for what `capnp-rpc` reads again.
    let words = (bytes / 4 + 4096).min(hub.limits.traversal_words);
    let reader = Reader::new(
        Parts(segments),
        ReaderOptions { traversal_limit_in_words: Some(words), nesting_limit: hub.limits.nesting },
    );
    let facts = facts(hub, reader.get_root()?, bytes)?;
    if matches!(facts, Facts::Resolve) {
        outgoing::refuse(hub, reader.get_root()?)?;
        return Ok(None);
    }
    let held = |kind, id, capabilities| Held(Rc::new(Frame::new(hub, reader, bytes, kind, id, capabilities)));
    let mut ledger = hub.ledger.borrow_mut();
    let room = hub.limits.capabilities.saturating_sub(hub.handles.borrow().len() + ledger.waiting);
    Ok(match facts {
        Facts::Call(call) => {
            check_capabilities(call.capabilities, room)?;
            ledger.called(&call)?;
            Some(held(Kind::Call, call.question, call.capabilities))
        }
        Facts::Return { question, capabilities, has_results } => {
            check_capabilities(capabilities, room)?;
            // Anything else would leave the question open for ever.
            if !has_results && ledger.questions.contains(&question) {
                return Err(Error::failed("PROTOCOL: a return that is neither results nor an exception".into()));
            }
            Some(held(Kind::Return, question, capabilities))
        }
        Facts::Bootstrap(question) => {
            if ledger.answers.insert(question, Answer::default()).is_some() {
                return Err(Error::failed(format!("PROTOCOL: question {question} is in use")));
            }
            Some(held(Kind::Other, question, 0))
        }
        Facts::Finish(question) => ledger.finish(question, held(Kind::Other, question, 0)),
        Facts::Abort(reason) => {
            drop(ledger);
            hub.goodbye.replace(Some(reason));
            None
        }
        Facts::Resolve | Facts::Other => Some(held(Kind::Other, 0, 0)),
    })
}

fn facts(hub: &Hub, root: message::Reader<'_>, bytes: usize) -> capnp::Result<Facts> {
    Ok(match root.which() {
        Ok(message::Call(call)) => Facts::Call(call_facts(hub, call?)?),
        Ok(message::Return(answer)) => {
            let answer = answer?;
            let (has_results, capabilities) = match answer.which() {
                Ok(return_::Results(results)) => {
                    let results = results?;
                    results.get_content().target_size()?;
                    (true, table(results, hub, &mut Vec::new())?)
                }
                Ok(return_::Exception(_)) => (true, 0),
                _ => (false, 0),
            };
            Facts::Return { question: answer.get_answer_id(), capabilities, has_results }
        }
        Ok(message::Bootstrap(bootstrap)) => Facts::Bootstrap(bootstrap?.get_question_id()),
        Ok(message::Finish(finish)) => Facts::Finish(finish?.get_question_id()),
        Ok(message::Disembargo(disembargo)) => {
            target(hub, disembargo?.get_target()?)?;
            Facts::Other
        }
        Ok(message::Abort(reason)) => Facts::Abort(goodbye(reason?)),
        Ok(message::Resolve(_)) if bytes <= UNKNOWN_BYTES => Facts::Resolve,
        Ok(message::Release(_)) => Facts::Other,
        _ if bytes > UNKNOWN_BYTES => {
            return Err(Error::failed(format!("PROTOCOL: {bytes} bytes of a message that is not understood")));
        }
        _ => Facts::Other,
    })
}

fn call_facts(hub: &Hub, call: call::Reader<'_>) -> capnp::Result<CallFacts> {
    if !matches!(call.get_send_results_to().which()?, call::send_results_to::Caller(())) {
        return Err(Error::unimplemented("PROTOCOL: results can only be sent to the caller".into()));
    }
    let params = call.get_params()?;
    params.get_content().target_size()?;
    let mut pins = Vec::new();
    let capabilities = table(params, hub, &mut pins)?;
    Ok(CallFacts { question: call.get_question_id(), target: target(hub, call.get_target()?)?, capabilities, pins })
}

/// Length of the capability table; the answers that it names come into `pins`.
fn table(payload: payload::Reader<'_>, hub: &Hub, pins: &mut Vec<u32>) -> capnp::Result<u32> {
    let table: struct_list::Reader<cap_descriptor::Owned> = payload.get_cap_table()?;
    check_capabilities(table.len(), hub.limits.capabilities)?;
    for descriptor in table {
        if let Ok(cap_descriptor::ReceiverAnswer(answer)) = descriptor.which() {
            pins.push(answered(hub, answer?)?);
        }
    }
    Ok(table.len())
}

/// The question whose results are called.
fn target(hub: &Hub, target: message_target::Reader<'_>) -> capnp::Result<Option<u32>> {
    match target.which()? {
        message_target::ImportedCap(_) => Ok(None),
        message_target::PromisedAnswer(answer) => answered(hub, answer?).map(Some),
    }
}

fn answered(hub: &Hub, answer: promised_answer::Reader<'_>) -> capnp::Result<u32> {
    if answer.get_transform()?.len() > hub.limits.nesting.unsigned_abs() {
        return Err(Error::failed("PROTOCOL: a path into results is too long".into()));
    }
    Ok(answer.get_question_id())
}

fn check_capabilities(count: u32, room: usize) -> capnp::Result<()> {
    if count > MESSAGE_CAPABILITIES || count as usize > room {
        return Err(Error::overloaded("TOO_MANY: capabilities of this connection".into()));
    }
    Ok(())
}

/// Empty when the remote just leaves.
fn goodbye(reason: capnp_rpc::rpc_capnp::exception::Reader<'_>) -> String {
    if matches!(reason.get_type(), Ok(capnp_rpc::rpc_capnp::exception::Type::Disconnected)) {
        return String::new();
    }
    let text = reason.get_reason().ok().and_then(|text| text.to_str().ok()).unwrap_or_default();
    format!("PROTOCOL: the remote gave up: {text}")
}
