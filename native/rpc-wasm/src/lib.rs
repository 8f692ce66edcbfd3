//! The rpc crate as a WebAssembly module, for machines without the addon: one instance a connection.
//!
//! The interface is of numbers. What a call needs, the host writes to the room that [`rpc_room`] gives. What there is to
//! read, a function gives the address of; it is good until the next call. A trap leaves the memory as it was at that
//! moment: the instance is thrown away, and with it one connection.

use std::cell::RefCell;

use pangea_rpc::frame::Segments;
use pangea_rpc::{Body, Connection, Failure, Limits};

/// Bytes in front of the records that [`rpc_settle`] gives: four words.
const STATUS_BYTES: usize = 16;
/// Status and records; more than the longest record.
const RECORDS_BYTES: usize = 64 * 1024;
/// Room beyond this is given back after use.
const ROOM_BYTES: usize = 64 * 1024;

#[derive(Default)]
struct Instance {
    connection: Option<Connection>,
    room: Vec<u8>,
    records: Vec<u8>,
    output: Vec<u8>,
    message: Segments,
    table: Vec<u32>,
}

thread_local! {
    static INSTANCE: RefCell<Instance> = RefCell::default();
}

fn with<R: Default>(act: impl FnOnce(&mut Connection, &[u8]) -> R) -> R {
    INSTANCE.with_borrow_mut(|instance| {
        let Instance { connection, room, .. } = instance;
        let result = connection.as_mut().map(|connection| act(connection, room)).unwrap_or_default();
        room.truncate(ROOM_BYTES);
        room.shrink_to(ROOM_BYTES);
        result
    })
}

/// Begins the connection. Sizes in bytes or words, as [`Limits`] says.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_open(
    message_bytes: usize,
    traversal_words: usize,
    nesting: i32,
    unanswered_calls: usize,
    capabilities: usize,
    memory_bytes: usize,
) {
    let limits = Limits { message_bytes, traversal_words, nesting, unanswered_calls, capabilities, memory_bytes };
    INSTANCE.with_borrow_mut(|instance| {
        instance.records = vec![0; RECORDS_BYTES];
        instance.connection = Some(Connection::new(limits));
    });
}

/// Room for what the next call needs.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_room(bytes: usize) -> *mut u8 {
    INSTANCE.with_borrow_mut(|instance| {
        if instance.room.len() < bytes {
            instance.room.resize(bytes, 0);
        }
        instance.room.as_mut_ptr()
    })
}

/// Bytes of the stream, from the room.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_receive(bytes: usize) {
    with(|connection, room| connection.receive(room.get(..bytes).unwrap_or_default()));
}

/// Answers a call. The room holds `head_bytes` of the message, then the capabilities.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_answer(call: u32, head_bytes: usize, bytes: usize, handle: u32, capabilities: usize) {
    with(|connection, room| {
        let (body, capabilities) = body(room, head_bytes, bytes, handle, capabilities);
        connection.answer(call, body, &capabilities);
    });
}

/// Answers a call with an exception, whose reason the room holds.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_throw(call: u32, failure: u32, bytes: usize) {
    with(|connection, room| {
        connection.throw(call, Failure::of(failure), &String::from_utf8_lossy(room.get(..bytes).unwrap_or_default()))
    });
}

/// Calls an object of the remote's. The room holds what it holds for an answer.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "they are the fields of a call")]
pub extern "C" fn rpc_call(
    question: u32,
    target: u32,
    interface_low: u32,
    interface_high: u32,
    method: u32,
    head_bytes: usize,
    bytes: usize,
    handle: u32,
    capabilities: usize,
) {
    with(|connection, room| {
        let (body, capabilities) = body(room, head_bytes, bytes, handle, capabilities);
        connection.call(
            question,
            target,
            u64::from(interface_high) << 32 | u64::from(interface_low),
            method as u16,
            body,
            &capabilities,
        );
    });
}

/// Lets go of an object of the remote's.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_release(handle: u32) {
    with(|connection, _| connection.release(handle));
}

/// A reference to what the remote gives first; 0 when the connection is over.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_bootstrap() -> u32 {
    with(|connection, _| connection.bootstrap())
}

/// Says goodbye and lets go of everything.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_close() {
    with(|connection, _| connection.close());
}

/// Address of the status (bytes of records, bytes of output, 1 when paused, 1 when over) and the records behind it.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_settle() -> *const u8 {
    INSTANCE.with_borrow_mut(|instance| {
        let Instance { connection: Some(connection), records, .. } = instance else { return std::ptr::null() };
        if let Some((status, records)) = records.split_at_mut_checked(STATUS_BYTES) {
            connection.settle();
            let taken = connection.take_events(records);
            let words = [
                taken as u32,
                connection.output_bytes() as u32,
                u32::from(connection.is_paused()),
                u32::from(connection.has_ended()),
            ];
            status.chunks_exact_mut(4).zip(words).for_each(|(place, word)| place.copy_from_slice(&word.to_le_bytes()));
        }
        records.as_ptr()
    })
}

/// Address of the output, which is gone with the next call of this.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_output() -> *const u8 {
    INSTANCE.with_borrow_mut(|instance| {
        instance.output = instance.connection.as_mut().map(Connection::take_output).unwrap_or_default();
        instance.output.as_ptr()
    })
}

/// Address of a count, and of so many pairs of address and words: the segments of a message by its handle. With handle 0
/// the message before is given back.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_message(handle: u32) -> *const u32 {
    INSTANCE.with_borrow_mut(|instance| {
        instance.message =
            instance.connection.as_mut().map(|connection| connection.take_message(handle)).unwrap_or_default();
        instance.table = vec![instance.message.len() as u32];
        instance.table.extend(instance.message.iter().flat_map(|words| [words.as_ptr() as u32, words.len() as u32]));
        instance.table.as_ptr()
    })
}

/// Address of four words: unanswered calls, exported, imported, bytes of memory.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_counts() -> *const u32 {
    INSTANCE.with_borrow_mut(|instance| {
        let counts = instance.connection.as_ref().map(Connection::counts).unwrap_or_default();
        instance.table = vec![
            counts.unanswered_calls as u32,
            counts.exported as u32,
            counts.imported as u32,
            counts.memory_bytes as u32,
        ];
        instance.table.as_ptr()
    })
}

fn body(room: &[u8], head_bytes: usize, bytes: usize, handle: u32, capabilities: usize) -> (Body, Vec<i32>) {
    let (head, rest) = room.split_at_checked(head_bytes).unwrap_or_default();
    let capabilities = rest
        .chunks_exact(4)
        .take(capabilities)
        .filter_map(|word| word.try_into().ok().map(i32::from_le_bytes))
        .collect();
    (Body { head: head.to_vec(), bytes, handle }, capabilities)
}
