//! The host against itself over loopback.

use std::time::Duration;

use bytes::Bytes;
use pangea_p2p::{Event, Host, HostStream, Options, QuicChoice};
use tokio::sync::mpsc;

const WAIT: Duration = Duration::from_secs(10);
const ECHO: &str = "/pangea/test-echo/1.0.0";

fn options(seed: u8) -> Options {
    Options {
        seed: [seed; 32],
        listen: vec!["/ip4/127.0.0.1/tcp/0".into()],
        allow: vec!["127.0.0.0/8".into()],
        mdns: false,
        agent_version: "test".into(),
        advertise: Vec::new(),
        nat: None,
        quic: QuicChoice::Off,
    }
}

fn address(host: &Host) -> String {
    format!("{}/p2p/{}", host.addresses()[0], host.peer_id())
}

/// Accepts every value, and echoes every stream.
fn serve(host: &Host, mut events: mpsc::Receiver<Event>) {
    let host = host.clone();
    host.serve(ECHO.into()).unwrap();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            match event {
                Event::Record { id, value, .. } => host.record_verdict(id, value != b"bad").unwrap(),
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
}

async fn network(count: u8) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    for seed in 1..=count {
        let (host, events) = Host::open(options(seed)).await.unwrap();
        serve(&host, events);
        if let Some(first) = hosts.first() {
            host.dial(&address(first), WAIT).await.unwrap();
        }
        hosts.push(host);
    }
    for _ in 0..100 {
        for host in &hosts {
            host.bootstrap().await.unwrap();
        }
        if hosts.iter().all(|host| host.routing_table().len() + 1 == hosts.len()) {
            return hosts;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the routing tables do not fill");
}

async fn drain(stream: &HostStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(bytes) = stream.read().await.unwrap() {
        all.extend_from_slice(&bytes);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_echo_and_end() {
    let hosts = network(2).await;
    let stream = hosts[1].open_stream(hosts[0].peer_id(), ECHO.into(), WAIT).await.unwrap();
    let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i * 7) as u8).collect();
    let (written, got) = tokio::join!(
        async {
            stream.write(Bytes::from(sent.clone())).await.unwrap();
            stream.close_write().await
        },
        drain(&stream)
    );
    written.unwrap();
    assert_eq!(got, sent);
    let error = hosts[1].open_stream(hosts[0].peer_id(), "/nobody/1".into(), WAIT).await.unwrap_err();
    assert_eq!(error.code, "PROTOCOL");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_is_no_end_even_after_the_own_end() {
    let (a, mut a_events) = Host::open(options(1)).await.unwrap();
    let (b, _b_events) = Host::open(options(2)).await.unwrap();
    a.serve(ECHO.into()).unwrap();
    b.dial(&address(&a), WAIT).await.unwrap();
    let stream = b.open_stream(a.peer_id(), ECHO.into(), WAIT).await.unwrap();
    stream.write(Bytes::from_static(b"question")).await.unwrap();
    stream.close_write().await.unwrap();
    let inbound = loop {
        if let Some(Event::Stream(stream)) = a_events.recv().await {
            break stream;
        }
    };
    assert_eq!(drain(&inbound).await, b"question");
    inbound.write(Bytes::from_static(b"half an ans")).await.unwrap();
    inbound.cancel();
    inbound.release().await;
    let error = loop {
        match stream.read().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a reset reads as an end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, "PEER_UNREACHABLE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_and_values() {
    let hosts = network(6).await;
    let key = [&[0x12, 0x20][..], &[9; 32]].concat();
    hosts[1].start_providing(key.clone()).await.unwrap();
    let found = hosts[5].providers(key.clone(), 64, WAIT).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].peer, hosts[1].peer_id());
    assert!(!found[0].addresses.is_empty());
    hosts[2].put_record(b"/pangea/note/x".to_vec(), b"good".to_vec()).await.unwrap();
    hosts[3].put_record(b"/pangea/note/x".to_vec(), b"bad".to_vec()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let found = hosts[4].get_record(b"/pangea/note/x".to_vec(), WAIT).await.unwrap();
    assert!(found.len() >= 4 && found.iter().all(|record| record.value == b"good"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_identities_and_the_gate() {
    let (a, _events) = Host::open(options(1)).await.unwrap();
    let taken = Options { listen: vec![a.addresses()[0].to_string()], ..options(2) };
    assert_eq!(Host::open(taken).await.err().unwrap().code, "PORT_IN_USE");
    let elsewhere = Options { listen: vec!["/ip4/198.51.100.1/tcp/0".into()], ..options(2) };
    assert_eq!(Host::open(elsewhere).await.err().unwrap().code, "ADDRESS_INVALID");
    let (b, mut b_events) = Host::open(Options { allow: vec!["198.51.100.0/24".into()], ..options(2) }).await.unwrap();
    let wrong = format!("{}/p2p/{}", a.addresses()[0], libp2p::PeerId::random());
    // By a third one: the dialled end sees a connection for a moment, by which it could reach who dialled.
    let (c, _events) = Host::open(options(3)).await.unwrap();
    assert_eq!(c.dial(&wrong, WAIT).await.unwrap_err().code, "PEER_MISMATCH");
    assert!(a.dial(&address(&b), WAIT).await.is_err());
    assert!(matches!(b_events.recv().await, Some(Event::Refused { .. })));
    b.add_addresses(a.peer_id(), &[a.addresses()[0].to_string()]).unwrap();
    assert_eq!(b.open_stream(a.peer_id(), ECHO.into(), WAIT).await.unwrap_err().code, "DIAL_REFUSED");
    assert_eq!(b.dial(&address(&a), WAIT).await.unwrap(), a.peer_id());
    let port = a.addresses()[0].to_string();
    a.close().await;
    a.close().await;
    let (again, _events) = Host::open(Options { listen: vec![port.clone()], ..options(1) }).await.unwrap();
    assert_eq!(again.addresses()[0].to_string(), port);
}
