//! Peers that do not keep to the protocol, on raw quinn.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use libp2p_identity::Keypair;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ReadError, ReadToEndError, VarInt};
use support::{Conduct, LIMITS, Node, eventually, open, options};

fn raw_endpoint() -> quinn::Endpoint {
    quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap()
}

fn raw_config(seed: u8, alpn: &[&[u8]]) -> ClientConfig {
    let keypair = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    let mut tls = libp2p_tls::make_client_config(&keypair, None).unwrap();
    tls.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    tls.key_log = Arc::new(rustls::NoKeyLog);
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

async fn raw_connection(endpoint: &quinn::Endpoint, node: &Node, seed: u8) -> Connection {
    endpoint.connect_with(raw_config(seed, &[b"pangea/1"]), node.address(), "x").unwrap().await.unwrap()
}

/// One raw request; the answer's bytes or the code of the reset.
async fn raw_request(connection: &Connection, bytes: &[u8]) -> Result<Vec<u8>, Option<VarInt>> {
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    let _ = send.write_all(bytes).await;
    let _ = send.finish();
    recv.read_to_end(1 << 20).await.map_err(|error| match error {
        ReadToEndError::Read(ReadError::Reset(code)) => Some(code),
        _ => None,
    })
}

#[tokio::test]
async fn only_the_own_protocol_is_spoken() {
    let node = open(options(1));
    let raw = raw_endpoint();
    for (alpn, refused) in [(&[b"libp2p".as_slice()][..], 1), (&[b"h3", b"pangea/2"], 2), (&[], 3)] {
        let attempt = raw.connect_with(raw_config(2, alpn), node.address(), "x").unwrap().await;
        assert!(attempt.is_err(), "{alpn:?}");
        eventually("the refusal is counted", || node.endpoint.counters().refused_alpn == refused).await;
    }
    let connection = raw_connection(&raw, &node, 2).await;
    assert_eq!(raw_request(&connection, b"\x07\0\0\0\0").await.unwrap(), b"\x07\0\0\0\0\0");
    assert_eq!(node.endpoint.counters().refused_handshake, 0);
}

#[tokio::test]
async fn a_peer_without_an_identity_is_refused() {
    let node = open(options(3));
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(anyone::Anyone))
        .with_no_client_auth();
    tls.alpn_protocols = vec![pangea_quic::ALPN.to_vec()];
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let raw = raw_endpoint();
    if let Ok(connection) = raw.connect_with(config, node.address(), "x").unwrap().await {
        // In TLS 1.3 the client is done before the server has looked at its certificate.
        assert!(raw_request(&connection, b"\x07\0\0\0\0").await.is_err());
    }
    eventually("the refusal is counted", || node.endpoint.counters().refused_handshake == 1).await;
    assert_eq!(node.served.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn limits_and_malformed_requests_reset_the_stream_with_their_code() {
    let node = open(options(4));
    let raw = raw_endpoint();
    let connection = raw_connection(&raw, &node, 5).await;
    let mut long_struct = vec![1];
    long_struct.extend_from_slice(&(LIMITS.struct_bytes as u32 + 1).to_le_bytes());
    assert_eq!(raw_request(&connection, &long_struct).await, Err(Some(VarInt::from_u32(2))));
    let mut lying = vec![1];
    lying.extend_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(raw_request(&connection, &lying).await, Err(Some(VarInt::from_u32(2))));
    let mut long_body = b"\x01\0\0\0\0".to_vec();
    long_body.resize(5 + LIMITS.body_bytes + 1, 7);
    assert_eq!(raw_request(&connection, &long_body).await, Err(Some(VarInt::from_u32(2))));
    for cut in [&b""[..], b"\x01", b"\x01\x04\0\0", b"\x01\x04\0\0\0abc"] {
        assert_eq!(raw_request(&connection, cut).await, Err(Some(VarInt::from_u32(3))), "{cut:?}");
    }
    assert_eq!(node.served.requests.load(Ordering::SeqCst), 0);
    let exact = raw_request(&connection, &long_body[..5 + LIMITS.body_bytes - (3 << 20) - 10]).await.unwrap();
    assert_eq!(exact.len(), 6 + LIMITS.body_bytes - (3 << 20) - 10);
}

#[tokio::test]
async fn random_bytes_leave_the_endpoint_serving() {
    let node = open(options(6));
    let friend = open(options(7));
    let link = friend.dial(&node).await;
    let raw = raw_endpoint();
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    for round in 0..300_u32 {
        let connection = raw_connection(&raw, &node, 8).await;
        for _ in 0..8 {
            let (mut send, recv) = connection.open_bi().await.unwrap();
            let length = random.below(3000);
            let mut bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            if random.below(2) == 0 && bytes.len() > 5 {
                bytes[1..5].copy_from_slice(&(random.below(64) as u32).to_le_bytes());
            }
            let _ = send.write_all(&bytes).await;
            match random.below(4) {
                0 => drop(send.reset(VarInt::from_u32(random.below(1000) as u32))),
                1 => drop(send.finish()),
                2 => drop(recv),
                _ => {}
            }
        }
        if round % 2 == 0 {
            connection.close(VarInt::from_u32(1), b"\xff\x00\x1b[31m");
        }
        if round % 50 == 0 {
            let answer = friend.echo(link, Bytes::from_static(b"still here")).await;
            assert_eq!(&answer.body[..], b"still here");
        }
    }
    raw.close(VarInt::from_u32(0), b"");
    eventually("all requests are over", || node.endpoint.under_way().0 == 0).await;
    assert_eq!(node.endpoint.free_body_bytes(), LIMITS.body_bytes_in_flight);
}

#[tokio::test]
async fn random_datagrams_leave_the_endpoint_serving() {
    let node = open(options(9));
    let friend = open(options(10));
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut random = Xorshift(42);
    for _ in 0..5000 {
        let mut bytes: Vec<u8> = (0..random.below(1500)).map(|_| random.below(256) as u8).collect();
        if let Some(first) = bytes.first_mut() {
            *first |= 0x40;
        }
        socket.send_to(&bytes, node.address()).unwrap();
    }
    let link = friend.dial(&node).await;
    assert_eq!(&friend.echo(link, Bytes::from_static(b"hello")).await.body[..], b"hello");
}

#[tokio::test]
async fn a_request_that_was_given_up_never_looks_complete() {
    let node = open(options(11));
    let friend = open(options(12));
    let link = friend.dial(&node).await;
    for _ in 0..50 {
        let body = Bytes::from(vec![1; 3 << 20]);
        let request = friend.endpoint.request(link, 1, Bytes::new(), body, 0, std::time::Duration::from_millis(1));
        assert_eq!(request.await.unwrap_err().code(), "TIMEOUT");
    }
    assert_eq!(&friend.echo(link, Bytes::from_static(b"x")).await.body[..], b"x");
    let lengths = node.served.body_bytes.lock().unwrap().clone();
    assert!(
        lengths.iter().all(|length| [1, 3 << 20].contains(length)),
        "cut requests reached the handler: {lengths:?}"
    );
    assert!(lengths.len() < 25, "most of 50 requests of 3 MiB cannot arrive within their millisecond");
}

#[tokio::test]
async fn beyond_the_limits_a_peer_is_told_that_we_are_busy() {
    let mut quiet = options(13);
    quiet.conduct = Conduct::Silent;
    let node = open(quiet);
    let raw = raw_endpoint();
    let first = raw_connection(&raw, &node, 14).await;
    let second = raw_connection(&raw, &node, 14).await;
    let mut held = Vec::new();
    for _ in 0..LIMITS.requests_per_peer {
        let (mut send, recv) = first.open_bi().await.unwrap();
        send.write_all(b"\x07\0\0\0\0").await.unwrap();
        send.finish().unwrap();
        held.push((send, recv));
    }
    eventually("all are served", || node.endpoint.under_way().0 == LIMITS.requests_per_peer).await;
    let mut large = b"\x01\0\0\0\0".to_vec();
    large.resize(1 << 20, 1);
    let answer = raw_request(&second, &large).await.unwrap();
    assert_eq!(answer[..2], [5, 0], "busy, though the body was not read");
    let other = raw_connection(&raw, &node, 15).await;
    let (mut send, recv) = other.open_bi().await.unwrap();
    send.write_all(b"\x07\0\0\0\0").await.unwrap();
    send.finish().unwrap();
    eventually("another peer is served", || node.endpoint.under_way().0 == LIMITS.requests_per_peer + 1).await;
    drop((held, send, recv));
    eventually("places come back", || node.endpoint.under_way().0 == 0).await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused() {
    let node = open(options(16));
    let raw = raw_endpoint();
    let mut connections = Vec::new();
    for seed in 0..LIMITS.connections {
        connections.push(raw_connection(&raw, &node, 20 + seed as u8).await);
    }
    let one_more = raw.connect_with(raw_config(50, &[b"pangea/1"]), node.address(), "x").unwrap().await;
    assert!(one_more.is_err());
    assert_eq!(node.endpoint.counters().refused_full, 1);
    connections.pop().unwrap().close(VarInt::from_u32(0), b"");
    eventually("a place comes free", || !node.served.closed.lock().unwrap().is_empty()).await;
    raw_connection(&raw, &node, 51).await;
}

/// Marsaglia's xorshift64*, seeded.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

mod anyone {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug)]
    pub struct Anyone;

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519]
        }
    }
}
