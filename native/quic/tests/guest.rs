//! libp2p beside the shard protocol on one socket, with raw quinn at the other end.

mod support;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use libp2p_identity::{Keypair, PeerId};
use pangea_quic::{Guest, GuestConnection, GuestLimits};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, ServerConfig, VarInt};
use support::{LIMITS, Node, SOON, eventually, open, options};
use tokio::time::timeout;

const GUESTS: GuestLimits = GuestLimits { connections: 4, handshakes: 3, streams: 5, waiting: 2 };

fn keypair(seed: u8) -> Keypair {
    Keypair::ed25519_from_bytes([seed; 32]).unwrap()
}

fn client(seed: u8, alpn: &[&[u8]]) -> ClientConfig {
    let mut tls = libp2p_tls::make_client_config(&keypair(seed), None).unwrap();
    tls.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    tls.key_log = Arc::new(rustls::NoKeyLog);
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

fn raw() -> quinn::Endpoint {
    quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap()
}

/// A peer of another make that listens with libp2p's own configuration.
fn raw_server(seed: u8) -> quinn::Endpoint {
    let tls = libp2p_tls::make_server_config(&keypair(seed)).unwrap();
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap()
}

async fn dial(
    raw: &quinn::Endpoint,
    node: &Node,
    seed: u8,
    alpn: &[&[u8]],
) -> Result<Connection, quinn::ConnectionError> {
    raw.connect_with(client(seed, alpn), node.address(), "x").unwrap().await
}

async fn arrival(guest: &mut Guest) -> GuestConnection {
    timeout(SOON, poll_fn(|cx| guest.poll_arrival(cx))).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_protocol_decides_who_gets_a_connection() {
    let node = open(options(60));
    let mut guest = node.endpoint.take_guest(GUESTS).unwrap();
    assert_eq!(node.endpoint.take_guest(GUESTS).err().unwrap().code(), "INTERNAL");
    let raw = raw();
    let theirs = dial(&raw, &node, 61, &[b"libp2p"]).await.unwrap();
    let ours = arrival(&mut guest).await;
    assert_eq!(ours.peer, keypair(61).public().to_peer_id());
    assert_eq!(ours.remote_address().port(), raw.local_addr().unwrap().port());
    let (mut send, mut recv) = theirs.open_bi().await.unwrap();
    send.write_all(b"\x07\0\0\0\0").await.unwrap();
    send.finish().unwrap();
    let (mut answer, mut asked) = ours.connection.accept_bi().await.unwrap();
    assert_eq!(asked.read_to_end(100).await.unwrap(), b"\x07\0\0\0\0");
    answer.write_all(b"libp2p's own").await.unwrap();
    answer.finish().unwrap();
    assert_eq!(recv.read_to_end(100).await.unwrap(), b"libp2p's own");

    let friend = open(options(62));
    let link = friend.dial(&node).await;
    assert_eq!(&friend.echo(link, Bytes::from_static(b"shard")).await.body[..], b"shard");
    // Who offers both gets the shard protocol.
    let both = dial(&raw, &node, 63, &[b"libp2p", b"pangea/1"]).await.unwrap();
    let (mut send, mut recv) = both.open_bi().await.unwrap();
    send.write_all(b"\x07\0\0\0\0").await.unwrap();
    send.finish().unwrap();
    assert_eq!(recv.read_to_end(100).await.unwrap(), b"\x07\0\0\0\0\0");
    assert_eq!(node.served.requests.load(Ordering::SeqCst), 2, "libp2p's stream was no request");
    assert!(dial(&raw, &node, 64, &[b"h3"]).await.is_err());
    eventually("the refusal is counted", || node.endpoint.counters().refused_alpn == 1).await;
    assert_eq!(node.endpoint.counters().guest_connections, 1);

    drop(guest);
    assert!(dial(&raw, &node, 61, &[b"libp2p"]).await.is_err());
    assert_eq!(&friend.echo(link, Bytes::from_static(b"still")).await.body[..], b"still");
    node.endpoint.take_guest(GUESTS).unwrap();
}

#[tokio::test]
async fn it_dials_from_the_same_port_whom_it_means() {
    let node = open(options(65));
    let guest = node.endpoint.take_guest(GUESTS).unwrap();
    let server = raw_server(66);
    let expected: PeerId = keypair(66).public().to_peer_id();
    let dialler = guest.dialler();
    let (accepted, dialled) = tokio::join!(
        async { server.accept().await.unwrap().await.unwrap() },
        dialler.dial(server.local_addr().unwrap(), Some(expected)),
    );
    assert_eq!(accepted.remote_address(), node.address());
    assert_eq!(dialled.unwrap().peer, expected);
    let (_, refused) = tokio::join!(
        async { server.accept().await.unwrap().await },
        dialler.dial(server.local_addr().unwrap(), Some(keypair(67).public().to_peer_id())),
    );
    assert_eq!(refused.unwrap_err().code(), "PEER_MISMATCH");
    // A peer that speaks the shard protocol only.
    let other = open(options(68));
    assert_eq!(dialler.dial(other.address(), None).await.unwrap_err().code(), "PEER_UNREACHABLE");
    eventually("the refusal is counted", || other.endpoint.counters().refused_alpn == 1).await;
}

#[tokio::test]
async fn a_crowd_of_libp2p_peers_takes_no_place_of_the_shard_protocol() {
    let node = open(options(70));
    let mut guest = node.endpoint.take_guest(GUESTS).unwrap();
    let raw = raw();
    let mut kept = Vec::new();
    for seed in 0..GUESTS.connections as u8 {
        let theirs = dial(&raw, &node, 80 + seed, &[b"libp2p"]).await.unwrap();
        kept.push((theirs, arrival(&mut guest).await));
    }
    for seed in 0..20 {
        assert!(dial(&raw, &node, 90 + seed, &[b"libp2p"]).await.is_err(), "one more");
    }
    let counters = node.endpoint.counters();
    assert_eq!((counters.guest_connections, counters.guest_refused_full, counters.refused_full), (4, 20, 0));
    let mut friends = Vec::new();
    for seed in 0..LIMITS.connections as u8 {
        friends.push(dial(&raw, &node, 120 + seed, &[b"pangea/1"]).await.unwrap());
    }
    assert!(dial(&raw, &node, 140, &[b"pangea/1"]).await.is_err(), "full as well");
    eventually("the refusal is counted", || node.endpoint.counters().refused_full == 1).await;
    kept.pop();
    eventually("a place comes free", || node.endpoint.counters().guest_connections == 3).await;
    dial(&raw, &node, 141, &[b"libp2p"]).await.unwrap();
    assert_eq!(arrival(&mut guest).await.peer, keypair(141).public().to_peer_id());
}

#[tokio::test]
async fn handshakes_that_never_end_close_only_their_own_door() {
    let node = open(options(71));
    let _guest = node.endpoint.take_guest(GUESTS).unwrap();
    // A first message and then silence: what comes back is lost.
    let relay = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let into = relay.local_addr().unwrap();
    let raw = raw();
    let mut pending = Vec::new();
    for seed in 0..8 {
        pending.push(tokio::spawn(raw.connect_with(client(150 + seed, &[b"libp2p"]), into, "x").unwrap()));
    }
    let to = node.address();
    let forward = tokio::spawn(async move {
        let mut buffer = [0; 2000];
        loop {
            let (length, from) = relay.recv_from(&mut buffer).await.unwrap();
            if from != to {
                relay.send_to(&buffer[..length], to).await.unwrap();
            }
        }
    });
    eventually("the door is full", || node.endpoint.counters().guest_refused_full > 0).await;
    let friend = open(options(72));
    let link = friend.dial(&node).await;
    assert_eq!(&friend.echo(link, Bytes::from_static(b"shard")).await.body[..], b"shard");
    forward.abort();
    for attempt in pending {
        attempt.abort();
    }
}

#[tokio::test]
async fn streams_and_waiting_connections_are_bounded() {
    let node = open(options(73));
    let mut guest = node.endpoint.take_guest(GUESTS).unwrap();
    let raw = raw();
    let mut theirs = Vec::new();
    for seed in 0..3 {
        theirs.push(dial(&raw, &node, 160 + seed, &[b"libp2p"]).await.unwrap());
    }
    // Two wait, the third was closed.
    timeout(SOON, theirs[2].closed()).await.unwrap();
    let ours = arrival(&mut guest).await;
    let mut held = Vec::new();
    for _ in 0..GUESTS.streams {
        held.push(timeout(SOON, theirs[0].open_bi()).await.unwrap().unwrap());
    }
    assert!(timeout(Duration::from_millis(200), theirs[0].open_bi()).await.is_err(), "one stream too many");
    // A shard connection begins with the same few, and is then given its own number.
    let shard = dial(&raw, &node, 170, &[b"pangea/1"]).await.unwrap();
    for _ in 0..LIMITS.requests_per_peer {
        held.push(timeout(SOON, shard.open_bi()).await.unwrap().unwrap());
    }
    // Nobody reads: what the peer can send ends at the window.
    let (mut send, _recv) = held.swap_remove(0);
    let mut sent = 0_usize;
    let chunk = vec![0; 1 << 20];
    while timeout(Duration::from_millis(300), send.write_all(&chunk)).await.is_ok() {
        sent += chunk.len();
        assert!(sent < 12 << 20, "no window");
    }
    drop(ours);
}

#[tokio::test]
async fn closing_the_endpoint_ends_both() {
    let node = open(options(74));
    let mut guest = node.endpoint.take_guest(GUESTS).unwrap();
    let raw = raw();
    let theirs = dial(&raw, &node, 180, &[b"libp2p"]).await.unwrap();
    let ours = arrival(&mut guest).await;
    let knocker = guest.dialler();
    let listener = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    listener.set_read_timeout(Some(SOON)).unwrap();
    knocker.knock(listener.local_addr().unwrap(), b"knock").unwrap();
    let mut buffer = [0; 16];
    let (length, from) = listener.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..length], from), (&b"knock"[..], node.address()));
    node.endpoint.close(Duration::from_secs(1)).await;
    assert!(timeout(SOON, poll_fn(|cx| guest.poll_arrival(cx))).await.unwrap().is_none());
    timeout(SOON, theirs.closed()).await.unwrap();
    assert!(ours.connection.close_reason().is_some());
    assert_eq!(knocker.dial(node.address(), None).await.unwrap_err().code(), "PEER_UNREACHABLE");
    assert!(knocker.knock(node.address(), b"x").is_err());
    assert!(node.endpoint.take_guest(GUESTS).is_err());
    raw.close(VarInt::from_u32(0), b"");
}
