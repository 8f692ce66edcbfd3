//! Connections as their owner drives them: two as each other's network, and one against anything.

use pangea_rpc::{Body, Connection, Counts, Failure, Limits, events};
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    message_bytes: 1 << 20,
    traversal_words: 1 << 20,
    nesting: 64,
    unanswered_calls: 8,
    capabilities: 16,
    memory_bytes: 4 << 20,
};

/// A message in one segment whose root is a struct of one word.
fn number(value: u64) -> Body {
    let head = [1_u64 << 32, value].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    Body { bytes: head.len(), head, handle: 0 }
}

/// All records of a connection, as words.
fn records(connection: &mut Connection) -> Vec<Vec<u32>> {
    connection.settle();
    let mut room = vec![0; 40_000];
    let mut found = Vec::new();
    loop {
        let taken = connection.take_events(&mut room);
        if taken == 0 {
            return found;
        }
        let words =
            room[..taken].chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect::<Vec<_>>();
        let mut rest = words.as_slice();
        while let [_, length, ..] = *rest {
            found.push(rest[..length as usize].to_vec());
            rest = &rest[length as usize..];
        }
    }
}

/// Carries bytes over until there are none.
fn exchange(one: &mut Connection, other: &mut Connection) {
    loop {
        one.settle();
        other.settle();
        if one.output_bytes() + other.output_bytes() == 0 {
            return;
        }
        let (there, back) = (one.take_output(), other.take_output());
        other.receive(&there);
        one.receive(&back);
    }
}

#[test]
fn a_call_is_answered_and_everything_let_go() {
    let (mut server, mut client) = (Connection::new(LIMITS), Connection::new(LIMITS));
    let root = client.bootstrap();
    client.call(7, root, 5, 3, number(42), &[]);
    exchange(&mut client, &mut server);
    let call = records(&mut server).remove(0);
    // Call, servant 0, interface 5, method 3, no capabilities, a message in one segment: its root, and the number.
    assert_eq!((call[0], &call[3..8]), (events::CALL, &[0, 5, 0, 3, 0][..]));
    assert_eq!(call[call.len() - 2], 42);
    // A servant of ours goes out as the results' only pointer.
    let head = [1_u64 << 48, 3].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    server.answer(call[2], Body { bytes: head.len(), head, handle: 0 }, &[-5]);
    exchange(&mut client, &mut server);
    let returned = records(&mut client).remove(0);
    assert_eq!((returned[0], returned[2], returned[3]), (events::RETURNED, 7, 1));
    assert_eq!(
        server.counts(),
        Counts { exported: 1, memory_bytes: server.counts().memory_bytes, ..Counts::default() }
    );
    client.release(returned[4]);
    client.release(root);
    exchange(&mut client, &mut server);
    assert_eq!(records(&mut server), [[events::DROPPED, 4, 4, 1]]);
    assert_eq!((server.counts().exported, client.counts().imported), (0, 0));
}

#[test]
fn an_exception_keeps_type_and_reason() {
    let (mut server, mut client) = (Connection::new(LIMITS), Connection::new(LIMITS));
    let root = client.bootstrap();
    client.call(1, root, 5, 0, number(0), &[]);
    exchange(&mut client, &mut server);
    let call = records(&mut server)[0][2];
    server.throw(call, Failure::Overloaded, "PEER_BUSY: later");
    // An answer that comes twice, or to nothing, is nothing.
    server.throw(call, Failure::Failed, "again");
    server.answer(9999, number(1), &[]);
    exchange(&mut client, &mut server);
    let failed = records(&mut client).remove(0);
    assert_eq!(failed[..5], [events::FAILED, 9, 1, 1, 16]);
}

#[test]
fn the_other_side_hears_of_a_goodbye() {
    let (mut server, mut client) = (Connection::new(LIMITS), Connection::new(LIMITS));
    client.bootstrap();
    exchange(&mut client, &mut server);
    client.close();
    exchange(&mut client, &mut server);
    assert_eq!(records(&mut server), [[events::ENDED, 3, 0]]);
    assert!(server.has_ended() && client.has_ended());
    assert_eq!(server.counts(), Counts::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Well framed words that are anything: the connection ends or goes on, but nothing is held beyond its bounds.
    #[test]
    fn any_words_are_survived(frames in prop::collection::vec(prop::collection::vec((0_u64..24, 0_u64..8, 0_u64..4), 1..12), 1..8)) {
        let mut connection = Connection::new(LIMITS);
        for frame in frames {
            let mut bytes = vec![0; 4];
            bytes.extend_from_slice(&(frame.len() as u32).to_le_bytes());
            bytes.extend(frame.iter().flat_map(|&(low, high, sizes)| (low | high << 32 | sizes << 48).to_le_bytes()));
            connection.receive(&bytes);
            records(&mut connection);
            connection.take_output();
            prop_assert!(connection.counts().memory_bytes <= LIMITS.memory_bytes);
        }
        connection.close();
        prop_assert_eq!(connection.counts(), Counts::default());
    }
}
