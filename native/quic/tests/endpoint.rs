//! Two endpoints that keep to the protocol.

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use pangea_quic::{Congestion, Error};
use support::{Conduct, LIMITS, SOON, eventually, open, options};
use tokio::time::timeout;

#[tokio::test]
async fn bodies_cross_in_both_directions_with_either_controller() {
    for (seed, congestion) in [(1, Congestion::Cubic), (2, Congestion::Bbr)] {
        let mut one = options(seed * 10);
        one.congestion = congestion;
        let (one, two) = (open(one), open(options(seed * 10 + 1)));
        let link = one.dial(&two).await;
        for size in [0, 1, 2048, 2049, 65_536, 1_114_112, 1_114_113, LIMITS.body_bytes] {
            let body = Bytes::from((0..size).map(|i| (i * 7) as u8).collect::<Vec<_>>());
            let answer = one.echo(link, body.clone()).await;
            assert_eq!((answer.status, &answer.head[..]), (9, &b"head"[..]));
            assert!(answer.body == body, "{size} bytes");
        }
        assert_eq!(one.endpoint.under_way(), (0, 0));
    }
}

#[tokio::test]
async fn the_expected_peer_must_answer() {
    let (one, two, three) = (open(options(30)), open(options(31)), open(options(32)));
    let wrong = one.endpoint.dial(&two.address().to_string(), Some(&three.endpoint.local_peer()), SOON).await;
    let Err(Error::Mismatch { expected, found }) = wrong else { panic!("{wrong:?}") };
    assert_eq!((expected, found), (three.endpoint.local_peer(), two.endpoint.local_peer()));
    assert_eq!(
        one.endpoint.dial(&two.address().to_string(), None, SOON).await.unwrap().peer,
        two.endpoint.local_peer()
    );
    let itself = one.endpoint.dial(&one.address().to_string(), None, SOON).await;
    assert_eq!(itself.unwrap_err().code(), "PEER_UNREACHABLE");
}

#[tokio::test]
async fn sources_outside_the_allowlist_get_no_answer() {
    let mut closed = options(33);
    closed.allow = vec!["10.0.0.0/8".into()];
    let (node, stranger) = (open(closed), open(options(34)));
    let dial = stranger.endpoint.dial(&node.address().to_string(), None, Duration::from_millis(300)).await;
    assert_eq!(dial.unwrap_err().code(), "PEER_UNREACHABLE");
    let counters = node.endpoint.counters();
    assert!(counters.denied > 0 && counters.allowed == 0, "{counters:?}");
    node.endpoint.allow().replace(&["127.0.0.1".into()]).unwrap();
    stranger.dial(&node).await;
    assert!(node.endpoint.counters().allowed > 0);
}

#[tokio::test]
async fn private_addresses_outside_the_allowlist_are_not_dialled() {
    let node = open(options(35));
    for address in ["10.255.255.1:9", "192.168.77.1:9", "169.254.169.254:80", "[fe80::1]:9"] {
        let dial = timeout(Duration::from_millis(200), node.endpoint.dial(address, None, SOON)).await.unwrap();
        assert_eq!(dial.unwrap_err().code(), "DIAL_REFUSED", "{address}");
    }
    for text in ["", "127.0.0.1", "127.0.0.1:99999", "[::1"] {
        assert!(node.endpoint.dial(text, None, SOON).await.is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_taken_port_and_a_foreign_address_are_told_apart() {
    let node = open(options(36));
    let open_again = |bind: &str| {
        let served = open(options(38)).served;
        let config = pangea_quic::Config {
            seed: [37; 32],
            bind: vec![bind.parse().unwrap()],
            allow: pangea_firewall::AllowList::new(&[]).unwrap(),
            congestion: Congestion::Bbr,
            limits: LIMITS,
        };
        pangea_quic::Endpoint::open(config, served).err().map(|error| error.code())
    };
    assert_eq!(open_again(&node.address().to_string()), Some("PORT_IN_USE"));
    assert_eq!(open_again("192.0.2.1:0"), Some("ADDRESS_INVALID"));
}

#[tokio::test]
async fn a_handler_that_never_answers_holds_back_the_senders_and_leaks_nothing() {
    let mut quiet = options(40);
    quiet.conduct = Conduct::Silent;
    let (node, friend) = (open(quiet), open(options(41)));
    let link = friend.dial(&node).await;
    let body = Bytes::from(vec![5; 3 << 20]);
    let requests: Vec<_> = (0..12)
        .map(|_| {
            let (endpoint, body) = (friend.endpoint.clone(), body.clone());
            tokio::spawn(
                async move { endpoint.request(link, 1, Bytes::new(), body, 0, Duration::from_millis(1500)).await },
            )
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let served = node.served.requests.load(Ordering::SeqCst);
    // Eight MiB of budget, steps of at most 4 MiB, and one reader that may overdraw.
    assert!((1..=3).contains(&served), "{served} requests of 3 MiB were taken in");
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap_err().code(), "TIMEOUT");
    }
    eventually("places and memory come back", || {
        node.endpoint.under_way().0 == 0 && node.endpoint.free_body_bytes() == LIMITS.body_bytes_in_flight
    })
    .await;
    assert_eq!(friend.endpoint.under_way(), (0, 0));
}

#[tokio::test]
async fn incomplete_bodies_do_not_starve_each_other() {
    let (node, friend) = (open(options(42)), open(options(43)));
    let link = friend.dial(&node).await;
    let body = Bytes::from(vec![5; 3 << 20]);
    let requests = (0..16).map(|_| friend.echo(link, body.clone()));
    for answer in futures::future::join_all(requests).await {
        assert_eq!(answer.body.len(), 3 << 20);
    }
    assert_eq!(node.endpoint.free_body_bytes(), LIMITS.body_bytes_in_flight);
}

#[tokio::test]
async fn a_restarted_node_resets_the_connections_of_its_former_life() {
    let (other, friend) = (open(options(44)), open(options(45)));
    let link = friend.dial(&other).await;
    // The first life has a runtime of its own, which dies with all tasks before a close frame is out.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let doomed = open_in(&runtime, options(46));
    let address = doomed.address();
    let doomed_link = friend.dial(&doomed).await;
    doomed.served.endpoint.lock().unwrap().take();
    runtime.shutdown_background();
    drop(doomed);
    for _ in 0..200 {
        if std::net::UdpSocket::bind(address).is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut again = options(46);
    again.bind = address;
    let reborn = open(again);
    let request = friend.endpoint.request(doomed_link, 1, Bytes::new(), Bytes::new(), 0, Duration::from_secs(8));
    let error = request.await.unwrap_err();
    assert!(error.to_string().contains("restarted"), "{error}");
    friend.dial(&reborn).await;
    assert_eq!(friend.echo(link, Bytes::new()).await.status, 9, "other connections stay");
}

fn open_in(runtime: &tokio::runtime::Runtime, options: support::Options) -> support::Node {
    let _inside = runtime.enter();
    open(options)
}

#[tokio::test]
async fn closing_lets_requests_finish_and_takes_no_new_ones() {
    let mut quiet = options(47);
    quiet.conduct = Conduct::Silent;
    let (node, friend) = (open(quiet), open(options(48)));
    let link = friend.dial(&node).await;
    let endpoint = friend.endpoint.clone();
    let pending = tokio::spawn(async move { endpoint.request(link, 1, Bytes::new(), Bytes::new(), 0, SOON).await });
    eventually("the request is served", || node.endpoint.under_way().0 == 1).await;
    let closing = node.endpoint.clone();
    let closed = tokio::spawn(async move { closing.close(Duration::from_secs(3)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let late = friend.endpoint.request(link, 1, Bytes::new(), Bytes::new(), 0, SOON).await;
    assert_eq!(late.unwrap_err().code(), "PEER_UNREACHABLE");
    let answer = pangea_quic::Answer { status: 0, head: Bytes::new(), body: Bytes::from_static(b"bye") };
    assert!(node.endpoint.respond(0, answer));
    assert_eq!(&pending.await.unwrap().unwrap().body[..], b"bye");
    timeout(SOON, closed).await.unwrap().unwrap();
    assert!(std::net::UdpSocket::bind(node.address()).is_ok(), "the port is free again");
    assert!(node.endpoint.dial(&friend.address().to_string(), None, SOON).await.is_err());
}
