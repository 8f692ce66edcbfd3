//! Relays, hole punching and what is reported of them, over loopback. Real NATs are met in `test/net/`.

use std::time::Duration;

use bytes::Bytes;
use pangea_p2p::{Event, Host, HostStream, NatOptions, Options, Path, QuicChoice, Reachability};
use tokio::sync::mpsc;

const WAIT: Duration = Duration::from_secs(20);
const ECHO: &str = "/pangea/test-echo/1.0.0";

fn options(seed: u8, quic: bool, nat: Option<NatOptions>) -> Options {
    let mut listen = vec!["/ip4/127.0.0.1/tcp/0".into()];
    if quic {
        listen.push("/ip4/127.0.0.1/udp/0/quic-v1".into());
    }
    Options {
        seed: [seed; 32],
        listen,
        allow: vec!["127.0.0.0/8".into()],
        mdns: false,
        agent_version: "test".into(),
        advertise: Vec::new(),
        nat,
        quic: if quic { QuicChoice::Own } else { QuicChoice::Off },
    }
}

fn carrying() -> Option<NatOptions> {
    Some(NatOptions { serve_relay: true, ..NatOptions::default() })
}

fn behind(relay: &Host) -> Option<NatOptions> {
    Some(NatOptions { relays: vec![address(relay)], ..NatOptions::default() })
}

fn address(host: &Host) -> String {
    format!("{}/p2p/{}", host.addresses()[0], host.peer_id())
}

/// Echoes every stream, and hands on the changes of ways.
fn serve(host: &Host, mut events: mpsc::Receiver<Event>) -> mpsc::UnboundedReceiver<Path> {
    host.serve(ECHO.into()).unwrap();
    let (sender, paths) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            match event {
                Event::Path { path, .. } => drop(sender.send(path)),
                Event::Stream(stream) => drop(tokio::spawn(async move {
                    while let Some(bytes) = stream.read().await? {
                        stream.write(bytes).await?;
                    }
                    stream.close_write().await
                })),
                _ => {}
            }
        }
    });
    paths
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..400 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within {WAIT:?}: {what}");
}

async fn echo(stream: &HostStream, bytes: usize) {
    let sent: Vec<u8> = (0..bytes).map(|index| (index * 7) as u8).collect();
    let mut got = Vec::new();
    let (written, ()) = tokio::join!(
        async {
            stream.write(Bytes::from(sent.clone())).await?;
            stream.close_write().await
        },
        async {
            while let Some(bytes) = stream.read().await.unwrap() {
                got.extend_from_slice(&bytes);
            }
        }
    );
    written.unwrap();
    assert!(got == sent, "{} of {bytes} bytes came back", got.len());
}

/// Dials the operator's node until it is known as a relay, as the upkeep in TypeScript does.
async fn join(host: &Host, relay: &Host) {
    host.dial(&address(relay), WAIT).await.unwrap();
    until("a place at the relay", || host.nat_report().relays.iter().any(|relay| relay.state == "reserved")).await;
}

fn circuit(relay: &Host, host: &Host) -> String {
    format!("{}/p2p-circuit/p2p/{}", address(relay), host.peer_id())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_carries_streams_where_nobody_punches() {
    let (relay, relay_events) = Host::open(options(1, false, carrying())).await.unwrap();
    let (a, a_events) = Host::open(options(2, false, behind(&relay))).await.unwrap();
    // Cannot be dialled, and dials nothing that a peer named.
    let alone = Options { listen: Vec::new(), allow: vec!["198.51.100.0/24".into()], ..options(3, false, carrying()) };
    let (b, b_events) = Host::open(alone).await.unwrap();
    let _paths = [serve(&relay, relay_events), serve(&a, a_events), serve(&b, b_events)];
    join(&a, &relay).await;
    assert!(a.addresses().iter().any(pangea_p2p::is_relayed), "{:?}", a.addresses());
    assert_eq!(relay.nat_report().reservations, 1);
    assert_eq!(b.dial(&circuit(&relay, &a), WAIT).await.unwrap(), a.peer_id());
    let stream = b.open_stream(a.peer_id(), ECHO.into(), WAIT).await.unwrap();
    // Many times what a stock relay carries in one circuit.
    echo(&stream, 8 * 1024 * 1024).await;
    assert_eq!(b.path_to(&a.peer_id()), Some(Path::Relayed));
    until("the relay counts", || relay.nat_report().circuits == 1).await;
    b.close().await;
    until("the circuit ends", || relay.nat_report().circuits == 0).await;
    relay.close().await;
    until("the place is lost", || a.nat_report().relays[0].state != "reserved").await;
    assert!(!a.addresses().iter().any(pangea_p2p::is_relayed), "{:?}", a.addresses());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relayed_connection_becomes_direct_and_its_streams_end_in_order() {
    for quic in [false, true] {
        let (relay, relay_events) = Host::open(options(1, quic, carrying())).await.unwrap();
        let (a, a_events) = Host::open(options(2, quic, behind(&relay))).await.unwrap();
        let (b, b_events) = Host::open(options(3, quic, behind(&relay))).await.unwrap();
        serve(&relay, relay_events);
        serve(&a, a_events);
        let mut paths = serve(&b, b_events);
        join(&a, &relay).await;
        b.dial(&circuit(&relay, &a), WAIT).await.unwrap();
        let before = b.open_stream(a.peer_id(), ECHO.into(), WAIT).await.unwrap();
        while paths.recv().await.unwrap() == Path::Relayed {}
        let punched = |from: &Host, to: &Host| {
            from.path_to(&to.peer_id()) != Some(Path::Relayed)
                && from.nat_report().punches.iter().any(|punch| punch.ok && punch.peer == to.peer_id())
        };
        until("both ends know", || punched(&a, &b) && punched(&b, &a)).await;
        assert_eq!(relay.nat_report().circuits, 1, "a stream still uses the circuit");
        echo(&before, 1024 * 1024).await;
        before.release().await;
        until("the circuit is no longer needed", || relay.nat_report().circuits == 0).await;
        echo(&b.open_stream(a.peer_id(), ECHO.into(), WAIT).await.unwrap(), 1024 * 1024).await;
        assert_ne!(b.path_to(&a.peer_id()), Some(Path::Relayed));
        for host in [a, b, relay] {
            host.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_reached_needs_no_relay() {
    let (relay, relay_events) = Host::open(options(1, true, carrying())).await.unwrap();
    let (a, a_events) = Host::open(options(2, true, behind(&relay))).await.unwrap();
    serve(&relay, relay_events);
    serve(&a, a_events);
    join(&a, &relay).await;
    until("the relay has reached this node", || a.nat_report().reachability == Reachability::Public).await;
    until("the place is given up", || a.nat_report().relays[0].state == "pending").await;
    until("its address too", || !a.addresses().iter().any(pangea_p2p::is_relayed)).await;
    assert!(a.nat_report().confirmed.iter().all(|address| a.addresses().contains(address)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gate_judges_a_circuit_by_its_relay() {
    let (relay, relay_events) = Host::open(options(1, false, carrying())).await.unwrap();
    let strict = Options { allow: vec!["198.51.100.0/24".into()], ..options(2, false, behind(&relay)) };
    let (a, a_events) = Host::open(strict).await.unwrap();
    let (b, b_events) = Host::open(options(3, false, carrying())).await.unwrap();
    let _paths = [serve(&relay, relay_events), serve(&a, a_events), serve(&b, b_events)];
    join(&a, &relay).await;
    assert!(b.dial(&circuit(&relay, &a), Duration::from_secs(5)).await.is_err());
    assert_eq!(a.path_to(&b.peer_id()), None);
    a.set_allow(&["127.0.0.0/8".into()]).unwrap();
    b.dial(&circuit(&relay, &a), WAIT).await.unwrap();
}

#[tokio::test]
async fn a_relay_needs_a_direct_address_with_an_identity() {
    for relay in ["/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/udp/1", "x"] {
        let nat = NatOptions { relays: vec![relay.into()], ..NatOptions::default() };
        assert_eq!(Host::open(options(1, false, Some(nat))).await.err().unwrap().code, "ADDRESS_INVALID", "{relay}");
    }
}
