//! The transport for libp2p against libp2p's own QUIC, and against itself.

mod support;

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, join, select};
use futures::io::{AsyncReadExt, AsyncWriteExt};
use futures::{StreamExt, future::poll_fn};
use libp2p::core::muxing::{StreamMuxerBox, StreamMuxerExt, SubstreamBox};
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, PortUse, Transport, TransportEvent};
use libp2p::core::{Endpoint as Role, Multiaddr};
use libp2p::{PeerId, identity, quic};
use pangea_quic::{GuestLimits, Lender, shared_transport};
use quinn::ClientConfig;
use quinn::crypto::rustls::QuicClientConfig;
use support::{Node, SOON, eventually, open, options};
use tokio::time::timeout;

const GUESTS: GuestLimits = GuestLimits { connections: 16, handshakes: 8, streams: 64, waiting: 8 };

type Connections = Boxed<(PeerId, StreamMuxerBox)>;

/// One side of a test: what listens and dials, and where.
struct Peer {
    transport: Connections,
    address: Multiaddr,
    id: PeerId,
}

fn id(seed: u8) -> PeerId {
    keypair(seed).public().to_peer_id()
}

fn keypair(seed: u8) -> identity::Keypair {
    identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap()
}

async fn listening(transport: &mut Connections) -> Multiaddr {
    loop {
        if let TransportEvent::NewAddress { listen_addr, .. } =
            timeout(SOON, transport.select_next_some()).await.unwrap()
        {
            return listen_addr;
        }
    }
}

async fn stock(seed: u8) -> Peer {
    let config = quic::Config::new(&keypair(seed));
    let mut transport = quic::tokio::Transport::new(config)
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)))
        .boxed();
    transport.listen_on(ListenerId::next(), "/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()).unwrap();
    let address = listening(&mut transport).await;
    Peer { transport, address, id: id(seed) }
}

async fn shared(seed: u8) -> (Node, Lender, Peer) {
    let node = open(options(seed));
    let (lender, mut transport) = shared_transport(GUESTS);
    lender.lend(&node.endpoint).unwrap();
    let address = listening(&mut transport).await;
    assert_eq!(address.to_string(), format!("/ip4/127.0.0.1/udp/{}/quic-v1", node.address().port()));
    (node, lender, Peer { transport, address, id: id(seed) })
}

fn opts(role: Role) -> DialOpts {
    DialOpts { role, port_use: PortUse::Reuse }
}

/// Drives a transport for its dials only.
async fn driven<T>(transport: &mut Connections, work: impl Future<Output = T> + Unpin) -> T {
    let idle = async { while transport.next().await.is_some() {} };
    match select(work, Box::pin(idle)).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => unreachable!("a transport never ends"),
    }
}

/// `from` dials `to`: both ends of the connection.
async fn connected(from: &mut Peer, to: &mut Peer) -> (StreamMuxerBox, StreamMuxerBox) {
    let address = to.address.clone().with_p2p(to.id).unwrap();
    let dial = from.transport.dial(address, opts(Role::Dialer)).unwrap();
    let accept = async {
        loop {
            if let TransportEvent::Incoming { upgrade, send_back_addr, .. } = to.transport.select_next_some().await {
                assert_eq!(send_back_addr, from.address, "dials leave from the listening port");
                return upgrade.await.unwrap();
            }
        }
    };
    let both = timeout(SOON, join(accept, driven(&mut from.transport, dial))).await.unwrap();
    let ((who_came, accepted), (who_answered, dialled)) = (both.0, both.1.unwrap());
    assert_eq!((who_came, who_answered), (from.id, to.id));
    (dialled, accepted)
}

/// Bytes over a new stream of `a`, back from `b`, an end on both sides.
async fn echoes(a: &mut StreamMuxerBox, b: &mut StreamMuxerBox, length: usize) {
    let sent: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
    let mut out = poll_fn(|cx| a.poll_outbound_unpin(cx)).await.unwrap();
    let echo = async {
        let mut inbound = poll_fn(|cx| b.poll_inbound_unpin(cx)).await.unwrap();
        let mut bytes = Vec::new();
        inbound.read_to_end(&mut bytes).await.unwrap();
        inbound.write_all(&bytes).await.unwrap();
        inbound.close().await.unwrap();
        inbound
    };
    let ask = async {
        out.write_all(&sent).await.unwrap();
        out.close().await.unwrap();
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).await.unwrap();
        assert!(bytes == sent, "the echo differs");
    };
    timeout(Duration::from_secs(20), join(echo, ask)).await.unwrap();
}

async fn pair_of_streams(a: &mut StreamMuxerBox, b: &mut StreamMuxerBox) -> (SubstreamBox, SubstreamBox) {
    let mut out = poll_fn(|cx| a.poll_outbound_unpin(cx)).await.unwrap();
    out.write_all(b"x").await.unwrap();
    let mut inbound = poll_fn(|cx| b.poll_inbound_unpin(cx)).await.unwrap();
    let mut byte = [0];
    inbound.read_exact(&mut byte).await.unwrap();
    (out, inbound)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_speaks_with_libp2ps_own_quic_in_both_directions() {
    let (node, _lender, mut ours) = shared(1).await;
    let mut theirs = stock(2).await;
    let (mut a, mut b) = connected(&mut theirs, &mut ours).await;
    echoes(&mut a, &mut b, 3 << 20).await;
    echoes(&mut b, &mut a, 1).await;
    let (mut c, mut d) = connected(&mut ours, &mut theirs).await;
    echoes(&mut c, &mut d, 3 << 20).await;
    echoes(&mut d, &mut c, 1).await;
    // Shards go on beside it, both ways.
    let friend = open(options(3));
    let link = friend.dial(&node).await;
    assert_eq!(&friend.echo(link, Bytes::from_static(b"shard")).await.body[..], b"shard");
    let back = node.dial(&friend).await;
    assert_eq!(&node.echo(back, Bytes::from_static(b"shard")).await.body[..], b"shard");
    assert_eq!(node.endpoint.counters().guest_connections, 2);
    drop((a, c));
    eventually("places come back", || node.endpoint.counters().guest_connections == 1).await;
    let _ = poll_fn(|cx| d.poll_close_unpin(cx)).await;
    drop(b);
    eventually("places come back", || node.endpoint.counters().guest_connections == 0).await;
}

/// What the shard protocol says to the request of kind 7 with an empty head.
const ANSWER: &[u8] = b"\x07\0\0\0\0\0";

/// The gate and the limits of libp2p know a peer by its address; shards go on from the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_libp2p_connection_ends_when_the_peer_moves_and_a_shard_connection_follows() {
    let (node, _lender, mut ours) = shared(6).await;
    for (alpn, follows) in [(b"libp2p".as_slice(), false), (b"pangea/1", true)] {
        let mut tls = libp2p_tls::make_client_config(&keypair(7), None).unwrap();
        tls.alpn_protocols = vec![alpn.to_vec()];
        let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        let raw = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connection = raw.connect_with(config, node.address(), "x").unwrap().await.unwrap();
        // Moving may begin only when our side has the whole handshake: until then it takes packets from one address alone.
        let request = async || {
            let (mut send, mut recv) = connection.open_bi().await.ok()?;
            send.write_all(b"\x07\0\0\0\0").await.ok()?;
            send.finish().ok()?;
            if follows { recv.read_to_end(100).await.ok() } else { Some(Vec::new()) }
        };
        let mut muxer = if follows {
            assert_eq!(timeout(SOON, request()).await.unwrap().as_deref(), Some(ANSWER));
            None
        } else {
            let accepted = async {
                loop {
                    if let TransportEvent::Incoming { upgrade, .. } = ours.transport.select_next_some().await {
                        break upgrade.await.unwrap().1;
                    }
                }
            };
            Some(timeout(SOON, accepted).await.unwrap())
        };
        let watched = async {
            let Some(muxer) = &mut muxer else { return std::future::pending().await };
            // As the swarm does: both are polled whenever the connection wakes it.
            poll_fn(|cx| {
                while matches!(muxer.poll_inbound_unpin(cx), Poll::Ready(Ok(_))) {}
                muxer.poll_unpin(cx)
            })
            .await
            .map(|_| ())
        };
        let moving = async {
            raw.rebind(std::net::UdpSocket::bind("127.0.0.2:0").unwrap()).unwrap();
            loop {
                match request().await {
                    None => return false,
                    Some(answer) if follows => return answer == ANSWER,
                    Some(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        let outcome = timeout(SOON, async {
            match select(std::pin::pin!(watched), std::pin::pin!(moving)).await {
                Either::Left((ended, moving)) => (Some(ended.is_err()), moving.await),
                Either::Right((moved, _)) => (None, moved),
            }
        });
        let expected = if follows { (None, true) } else { (Some(true), false) };
        assert_eq!(outcome.await.unwrap(), expected, "follows: {follows}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_stream_is_no_end() {
    let (_node, _lender, mut ours) = shared(4).await;
    let (_other, _other_lender, mut theirs) = shared(5).await;
    let (mut a, mut b) = connected(&mut theirs, &mut ours).await;
    let (out, mut inbound) = pair_of_streams(&mut a, &mut b).await;
    drop(out);
    let mut rest = Vec::new();
    assert!(timeout(SOON, inbound.read_to_end(&mut rest)).await.unwrap().is_err(), "a reset looked like an end");
    let (mut out, mut inbound) = pair_of_streams(&mut a, &mut b).await;
    out.close().await.unwrap();
    out.close().await.unwrap();
    drop(out);
    assert_eq!(timeout(SOON, inbound.read_to_end(&mut rest)).await.unwrap().unwrap(), 0);
    // The reader is gone: writing fails in the end.
    let (mut out, inbound) = pair_of_streams(&mut a, &mut b).await;
    drop(inbound);
    let writing = async {
        while out.write_all(&[0; 1000]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SOON, writing).await.unwrap();
    // The connection of a dropped muxer ends, though a stream of it is still held.
    let (held, _inbound) = pair_of_streams(&mut a, &mut b).await;
    drop(a);
    assert!(timeout(SOON, poll_fn(|cx| b.poll_inbound_unpin(cx))).await.unwrap().is_err());
    drop(held);
}

/// The waiting side knocks, so that its NAT lets the other's handshake in; here there is no NAT, only the protocol.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_waiting_side_of_a_punch_gets_the_peers_connection() {
    for seed in [10, 20] {
        let (_node, _lender, mut ours) = shared(seed).await;
        let mut theirs = stock(seed + 1).await;
        let waiting = ours.transport.dial(theirs.address.clone(), opts(Role::Listener)).unwrap();
        assert!(ours.transport.dial(theirs.address.clone(), opts(Role::Listener)).is_err(), "twice the same hole");
        let dial = theirs.transport.dial(ours.address.clone(), opts(Role::Dialer)).unwrap();
        let both = join(driven(&mut ours.transport, waiting), driven(&mut theirs.transport, dial));
        let (came, answered) = timeout(SOON, both).await.unwrap();
        let ((who_came, mut a), (who_answered, mut b)) = (came.unwrap(), answered.unwrap());
        assert_eq!((who_came, who_answered), (theirs.id, ours.id));
        echoes(&mut a, &mut b, 1000).await;
    }
    // Knocks reach whoever they are meant for, and giving up ends them.
    let (node, _lender, mut ours) = shared(30).await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("/ip4/127.0.0.1/udp/{}/quic-v1", socket.local_addr().unwrap().port()).parse::<Multiaddr>();
    let waiting = ours.transport.dial(nobody.unwrap(), opts(Role::Listener)).unwrap();
    let attempt = tokio::spawn(waiting);
    let mut buffer = [0; 2000];
    for _ in 0..3 {
        let (length, from) = timeout(SOON, socket.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!((length, from), (64, node.address()));
    }
    attempt.abort();
    assert!(attempt.await.is_err());
    while timeout(Duration::from_millis(400), socket.recv_from(&mut buffer)).await.is_ok() {}
}

#[tokio::test]
async fn dials_wait_for_the_socket_and_end_with_it() {
    let node = open(options(40));
    let mut theirs = stock(41).await;
    let (lender, transport) = shared_transport(GUESTS);
    let mut ours = Peer { transport, address: "/ip4/127.0.0.1/udp/1/quic-v1".parse().unwrap(), id: id(40) };
    let dial = ours.transport.dial(theirs.address.clone(), opts(Role::Dialer)).unwrap();
    let dial = tokio::spawn(dial);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!dial.is_finished());
    lender.lend(&node.endpoint).unwrap();
    assert_eq!(lender.lend(&node.endpoint).unwrap_err().code(), "INTERNAL");
    ours.address = listening(&mut ours.transport).await;
    let answer = async {
        loop {
            if let TransportEvent::Incoming { upgrade, .. } = theirs.transport.select_next_some().await {
                return upgrade.await.unwrap();
            }
        }
    };
    let (dialled, answered) = timeout(SOON, join(dial, answer)).await.unwrap();
    let ((who, mut a), (_, mut b)) = (dialled.unwrap().unwrap(), answered);
    assert_eq!(who, theirs.id);
    echoes(&mut a, &mut b, 10).await;
    for refused in ["/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/udp/1/quic-v1/webtransport", "/ip4/0.0.0.0/udp/1/quic-v1"] {
        assert!(ours.transport.dial(refused.parse().unwrap(), opts(Role::Dialer)).is_err(), "{refused}");
    }
    node.endpoint.close(Duration::from_millis(100)).await;
    let mut expired = false;
    loop {
        match timeout(SOON, ours.transport.select_next_some()).await.unwrap() {
            TransportEvent::AddressExpired { listen_addr, .. } => expired = listen_addr == ours.address,
            TransportEvent::ListenerClosed { .. } => break,
            _ => {}
        }
    }
    assert!(expired);
    assert!(poll_fn(|cx| a.poll_outbound_unpin(cx)).await.is_err());
    let late = ours.transport.dial(theirs.address.clone(), opts(Role::Dialer)).unwrap();
    assert!(timeout(SOON, late).await.unwrap().is_err());
}

#[tokio::test]
async fn a_socket_on_all_interfaces_is_announced_for_both_families() {
    let node = open(support::Options { bind: "[::]:0".parse().unwrap(), ..options(50) });
    let (lender, mut transport) = shared_transport(GUESTS);
    lender.lend(&node.endpoint).unwrap();
    let port = node.address().port();
    let wanted = format!("/ip4/127.0.0.1/udp/{port}/quic-v1").parse::<Multiaddr>().unwrap();
    let announced = async { while listening(&mut transport).await != wanted {} };
    timeout(SOON, announced).await.unwrap();
    let mut ours = Peer { transport, address: wanted, id: id(50) };
    let mut theirs = stock(51).await;
    // IPv4 through the IPv6 socket, in both directions.
    let (mut a, mut b) = connected(&mut theirs, &mut ours).await;
    echoes(&mut a, &mut b, 1000).await;
    let (mut c, mut d) = connected(&mut ours, &mut theirs).await;
    echoes(&mut c, &mut d, 1000).await;
}

/// AutoNAT asks so whether strangers get through: from the port that is listened on, its answer would come through the
/// hole that the question has made in the router.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dial_from_a_new_port_leaves_from_one_that_nobody_knows() {
    let (node, _lender, mut ours) = shared(40).await;
    let mut theirs = stock(41).await;
    let address = theirs.address.clone().with_p2p(theirs.id).unwrap();
    let new_port = DialOpts { role: Role::Dialer, port_use: PortUse::New };
    let dial = ours.transport.dial(address, new_port).unwrap();
    let accept = async {
        loop {
            if let TransportEvent::Incoming { upgrade, send_back_addr, .. } = theirs.transport.select_next_some().await
            {
                return (send_back_addr, upgrade.await.unwrap());
            }
        }
    };
    let both = timeout(SOON, join(accept, driven(&mut ours.transport, dial))).await.unwrap();
    let ((seen, (who_came, mut accepted)), (who_answered, mut dialled)) = (both.0, both.1.unwrap());
    assert_ne!(seen, ours.address);
    assert_eq!((who_came, who_answered), (ours.id, theirs.id));
    echoes(&mut dialled, &mut accepted, 100_000).await;
    assert_eq!(node.endpoint.counters().guest_connections, 1);
    drop(dialled);
    eventually("places come back", || node.endpoint.counters().guest_connections == 0).await;
}
