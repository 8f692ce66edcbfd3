//! Received messages as `capnp-rpc` holds them.
//!
//! Its hooks give the parameters of a call, or the results of one, only as a reader with the capabilities inside. Where the
//! bytes lie, and which capabilities there are, they do not tell. So a message notes in the hub when it is read, and can be
//! asked to show, instead of itself, one whose content is a list of all its capabilities by index.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use capnp::message::{Builder, HeapAllocator, Reader, ReaderOptions, ReaderSegments};
use capnp::private::capability::ClientHook;
use capnp::{any_pointer, any_pointer_list};
use capnp_rpc::rpc_capnp::message;

use crate::frame::{self, Segments};
use crate::hub::Hub;
use crate::raw;

/// What a message is, as far as its content goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Return,
    Other,
}

pub(crate) struct Parts(pub(crate) Segments);

impl ReaderSegments for Parts {
    fn get_segment(&self, at: u32) -> Option<&[u8]> {
        self.0.get(at as usize).map(|words| frame::bytes(words))
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

pub(crate) struct Frame {
    hub: Rc<Hub>,
    reader: Reader<Parts>,
    bytes: usize,
    pub(crate) kind: Kind,
    /// Of the question or answer.
    pub(crate) id: u32,
    /// Entries of the capability table.
    pub(crate) capabilities: u32,
    shows_capabilities: Cell<bool>,
    list: OnceCell<Reader<Parts>>,
}

impl Frame {
    /// `reader` may have been read already; its limits go on counting.
    pub(crate) fn new(
        hub: &Rc<Hub>,
        reader: Reader<Parts>,
        bytes: usize,
        kind: Kind,
        id: u32,
        capabilities: u32,
    ) -> Self {
        hub.message_bytes.set(hub.message_bytes.get() + bytes);
        Self {
            hub: hub.clone(),
            reader,
            bytes,
            kind,
            id,
            capabilities,
            shows_capabilities: Cell::new(false),
            list: OnceCell::new(),
        }
    }

    /// A message whose content is a list of capabilities 0, 1, 2 … as many as there are.
    fn list(&self) -> &Reader<Parts> {
        self.list.get_or_init(|| {
            let mut builder = Builder::new(HeapAllocator::new().first_segment_words(16 + self.capabilities));
            let root = builder.init_root::<message::Builder>();
            let content = if self.kind == Kind::Call {
                root.init_call().init_params().get_content()
            } else {
                root.init_return().init_results().get_content()
            };
            content.initn_as::<any_pointer_list::Builder>(self.capabilities);
            let mut words = vec![0; builder.size_in_words()];
            if let Some(segment) = builder.get_segments_for_output().first() {
                let length = segment.len().min(words.len() * 8);
                if let (Some(to), Some(from)) = (frame::bytes_mut(&mut words).get_mut(..length), segment.get(..length))
                {
                    to.copy_from_slice(from);
                }
            }
            // The list was made last, so it lies at the end.
            let start = words.len().saturating_sub(self.capabilities as usize);
            for (index, word) in words.iter_mut().skip(start).enumerate() {
                *word = (3 | (index as u64) << 32).to_le();
            }
            Reader::new(Parts(vec![words]), ReaderOptions { traversal_limit_in_words: None, nesting_limit: 16 })
        })
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.hub.message_bytes.set(self.hub.message_bytes.get().saturating_sub(self.bytes));
    }
}

/// A message in the hands of `capnp-rpc`.
pub(crate) struct Held(pub(crate) Rc<Frame>);

impl capnp_rpc::IncomingMessage for Held {
    fn get_body(&self) -> capnp::Result<any_pointer::Reader<'_>> {
        let frame = &self.0;
        if frame.shows_capabilities.get() {
            return frame.list().get_root();
        }
        if frame.kind != Kind::Other {
            *frame.hub.last_read.borrow_mut() = Some(frame.clone());
        }
        frame.reader.get_root()
    }
}

/// What a hook holds: the message's content as a message of its own, and what its interface pointers name.
pub(crate) struct Content {
    pub(crate) segments: Segments,
    pub(crate) hooks: Vec<Option<Box<dyn ClientHook>>>,
    /// Of the question; `None` when the message did not come from the remote.
    pub(crate) question: Option<u32>,
}

/// Takes the content out of a hook, `read` being how it is read and `done` what lets go of it.
pub(crate) fn take<H>(
    hub: &Rc<Hub>,
    hook: H,
    read: impl Fn(&H) -> capnp::Result<any_pointer::Reader<'_>>,
) -> capnp::Result<Content> {
    hub.last_read.borrow_mut().take();
    read(&hook)?;
    let Some(frame) = hub.last_read.borrow_mut().take() else { return copy(read(&hook)?) };
    let mut hooks = Vec::new();
    if frame.capabilities > 0 {
        frame.shows_capabilities.set(true);
        let list = read(&hook)?.get_as::<any_pointer_list::Reader>()?;
        hooks.extend(list.iter().map(|pointer| pointer.ok()?.get_as_capability::<Box<dyn ClientHook>>().ok()));
        frame.shows_capabilities.set(false);
    }
    drop(hook);
    let question = Some(frame.id);
    let path = if frame.kind == Kind::Call { raw::CALL_CONTENT } else { raw::RETURN_CONTENT };
    let segments = &frame.reader.get_segments().0;
    // A null on the way means that there is no content.
    let root = raw::find(segments, &path).map_or(Some(0), |place| raw::as_root(segments, place));
    let root = root.ok_or_else(|| capnp::Error::failed("a pointer leads too far".into()))?;
    let mut segments = match Rc::try_unwrap(frame) {
        Ok(mut frame) => {
            std::mem::replace(&mut frame.reader, Reader::new(Parts(Vec::new()), ReaderOptions::default()))
                .into_segments()
                .0
        }
        // Somebody else still looks at it; only results of small calls are ever shared.
        Err(frame) => frame.reader.get_segments().0.clone(),
    };
    raw::set_root(&mut segments, root);
    Ok(Content { segments, hooks, question })
}

/// From a message that never was on the wire.
fn copy(reader: any_pointer::Reader<'_>) -> capnp::Result<Content> {
    use capnp::traits::ImbueMut;
    let words = u32::try_from(reader.target_size()?.word_count + 1)
        .map_err(|_| capnp::Error::failed("TOO_LARGE: a message is beyond the limit".into()))?;
    let mut builder = Builder::new(HeapAllocator::new().first_segment_words(words));
    let mut hooks = Vec::new();
    let mut root: any_pointer::Builder = builder.init_root();
    root.imbue_mut(&mut hooks);
    root.set_as(reader)?;
    let written = builder.get_segments_for_output();
    let mut segments = written.iter().map(|segment| vec![0; segment.len() / 8]).collect::<Segments>();
    segments
        .iter_mut()
        .zip(written.iter())
        .for_each(|(words, segment)| frame::bytes_mut(words).copy_from_slice(segment));
    Ok(Content { segments, hooks, question: None })
}
