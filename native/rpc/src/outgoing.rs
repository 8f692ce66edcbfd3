//! Messages to the remote.
//!
//! A result without capabilities is a finished message of the host's: it is appended behind the header that `capnp-rpc`
//! writes, in the same segment, with its root moved into the header. So it is copied once when it is small, and never when
//! it is large: then the output has a gap (`SPLICE`) where the host sends its own bytes.

use std::cell::RefCell;
use std::rc::Rc;

use capnp::any_pointer;
use capnp::capability::Promise;
use capnp::message::{Builder, HeapAllocator};
use capnp_rpc::OutgoingMessage;
use capnp_rpc::rpc_capnp::{message, return_};

use crate::call::Body;
use crate::events;
use crate::hub::Hub;
use crate::raw;

/// A message to be sent behind the header that is under construction.
#[derive(Default)]
pub(crate) struct Attachment(pub(crate) RefCell<Option<Body>>);

pub(crate) struct Outgoing {
    hub: Rc<Hub>,
    message: Builder<HeapAllocator>,
    attachment: Rc<Attachment>,
}

impl Outgoing {
    pub(crate) fn new(hub: &Rc<Hub>, first_segment_words: u32) -> Self {
        let attachment = Rc::new(Attachment::default());
        *hub.last_begun.borrow_mut() = Some(attachment.clone());
        // Content seldom lies in it, whatever is hinted at.
        let words = first_segment_words.clamp(8, 64);
        Self { hub: hub.clone(), message: Builder::new(HeapAllocator::new().first_segment_words(words)), attachment }
    }

    /// Writes the frame to the output; `None` when there is something that must not be.
    fn write(&self) -> Option<usize> {
        let body = self.attachment.0.borrow_mut().take();
        let segments = self.message.get_segments_for_output();
        let mut output = self.hub.output.borrow_mut();
        let start = output.len();
        let Some(body) = body else {
            put(&mut output, segments.len() as u32 - 1);
            segments.iter().for_each(|segment| put(&mut output, segment.len() as u32 / 8));
            let table = (4 + 4 * segments.len()).next_multiple_of(8);
            output.resize(start + table, 0);
            segments.iter().for_each(|segment| output.extend_from_slice(segment));
            return Some(output.len() - start);
        };
        let [header] = &*segments else { return None };
        let words = header.len() / 8;
        put(&mut output, 0);
        put(&mut output, u32::try_from(words + body.bytes / 8).ok()?);
        output.extend_from_slice(header);
        let place = content_place(header)?;
        let root = body.head.get(..8)?.try_into().ok().map(u64::from_le_bytes)?;
        let content = if root == 0 { 0 } else { raw::moved(root, words as i64 - place as i64)? };
        output.get_mut(start + 8 + place * 8..start + 16 + place * 8)?.copy_from_slice(&content.to_le_bytes());
        if body.handle == 0 {
            output.extend_from_slice(&body.head);
        } else {
            self.hub.events.borrow_mut().plain(events::SPLICE, &[output.len() as u32, body.handle]);
        }
        Some(output.len() - start)
    }
}

fn put(output: &mut Vec<u8>, word: u32) {
    output.extend_from_slice(&word.to_le_bytes());
}

/// Word of the content pointer in the one segment of a `Call` or `Return`.
fn content_place(header: &[u8]) -> Option<usize> {
    let words = vec![
        header.chunks_exact(8).filter_map(|word| word.try_into().ok().map(u64::from_ne_bytes)).collect::<Vec<_>>(),
    ];
    // The discriminant stands in the message's first data word.
    let path = match words.first()?.get(1).map(|word| word.to_le() as u16)? {
        2 => raw::CALL_CONTENT,
        3 => raw::RETURN_CONTENT,
        _ => return None,
    };
    raw::find(&words, &path).map(|place| place.word)
}

impl OutgoingMessage for Outgoing {
    fn get_body(&mut self) -> capnp::Result<any_pointer::Builder<'_>> {
        self.message.get_root()
    }

    fn get_body_as_reader(&self) -> capnp::Result<any_pointer::Reader<'_>> {
        self.message.get_root_as_reader()
    }

    fn send(self: Box<Self>) -> (Promise<(), capnp::Error>, Rc<Builder<HeapAllocator>>) {
        let written = if self.hub.quiet.get() { Some(0) } else { self.write() };
        let hub = self.hub.clone();
        let message = Rc::new(self.message);
        match written {
            Some(bytes) => note(&hub, &message, bytes),
            None => hub.deliver(Err(capnp::Error::failed("INTERNAL: a message could not be written".into())), true),
        }
        (Promise::ok(()), message)
    }

    fn take(self: Box<Self>) -> Builder<HeapAllocator> {
        self.message
    }

    fn size_in_words(&self) -> usize {
        self.message.size_in_words()
    }
}

/// Sends a message back as one that is not understood.
///
/// # Errors
/// It cannot be read.
pub(crate) fn refuse(hub: &Rc<Hub>, message: message::Reader<'_>) -> capnp::Result<()> {
    let mut outgoing = Outgoing::new(hub, 64);
    outgoing.message.init_root::<message::Builder>().set_unimplemented(message)?;
    let _ = Box::new(outgoing).send();
    Ok(())
}

/// Keeps the ledger: what is answered, and what was asked of the remote.
fn note(hub: &Rc<Hub>, message: &Rc<Builder<HeapAllocator>>, bytes: usize) {
    let Ok(Ok(which)) = message.get_root_as_reader::<message::Reader>().map(|root| root.which()) else { return };
    match which {
        message::Return(Ok(answer)) => {
            let finishes = answer.get_no_finish_needed();
            if matches!(answer.which(), Ok(return_::Results(_))) && !finishes {
                hub.retain(message, bytes);
            }
            let finish = hub.ledger.borrow_mut().returned(answer.get_answer_id(), finishes);
            if let Some(finish) = finish {
                hub.deliver(Ok(finish), true);
            }
        }
        message::Call(Ok(call)) => hub.ledger.borrow_mut().asked(call.get_question_id()),
        message::Bootstrap(Ok(bootstrap)) => hub.ledger.borrow_mut().asked(bootstrap.get_question_id()),
        message::Finish(Ok(finish)) => hub.ledger.borrow_mut().finished(finish.get_question_id()),
        _ => {}
    }
}
