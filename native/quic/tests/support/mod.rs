//! Endpoints for tests: loopback, port 0, small limits, handlers that echo or never answer.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pangea_firewall::AllowList;
use pangea_quic::{Answer, Config, Congestion, Endpoint, Handler, IncomingRequest, Limits};
use tokio::time::sleep;

pub const SOON: Duration = Duration::from_secs(5);
pub const LIMITS: Limits = Limits {
    struct_bytes: 1024,
    body_bytes: 4 * 1024 * 1024,
    requests_per_peer: 16,
    requests_total: 32,
    body_bytes_in_flight: 8 * 1024 * 1024,
    connections: 8,
    stall: Duration::from_secs(2),
    serve: Duration::from_secs(30),
};

/// What a test endpoint does with requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    Echo,
    Silent,
}

pub struct Served {
    conduct: Conduct,
    /// Taken out to let go of an endpoint: the two hold each other.
    pub endpoint: Mutex<Option<Endpoint>>,
    pub requests: AtomicUsize,
    pub body_bytes: Mutex<Vec<usize>>,
    pub closed: Mutex<Vec<String>>,
}

impl Handler for Served {
    fn opened(&self, _connection: u32, _peer: &str, _remote: &str, _dialled: bool) {}

    fn closed(&self, _connection: u32, reason: &str) {
        self.closed.lock().unwrap().push(reason.to_owned());
    }

    fn request(&self, request: IncomingRequest) {
        self.requests.fetch_add(1, Ordering::SeqCst);
        self.body_bytes.lock().unwrap().push(request.body.len());
        if self.conduct == Conduct::Echo {
            let answer = Answer { status: u16::from(request.kind), head: request.head, body: request.body };
            let endpoint = self.endpoint.lock().unwrap().clone();
            let _ = endpoint.unwrap().respond(request.id, answer);
        }
    }
}

pub struct Node {
    pub endpoint: Endpoint,
    pub served: Arc<Served>,
}

impl Node {
    pub fn address(&self) -> SocketAddr {
        self.endpoint.local_address()
    }

    pub async fn dial(&self, other: &Node) -> u32 {
        let expected = other.endpoint.local_peer();
        self.endpoint.dial(&other.address().to_string(), Some(&expected), SOON).await.unwrap().connection
    }

    pub async fn echo(&self, connection: u32, body: Bytes) -> Answer {
        self.endpoint.request(connection, 9, Bytes::from_static(b"head"), body, 0, SOON).await.unwrap()
    }
}

pub struct Options {
    pub seed: u8,
    pub bind: SocketAddr,
    pub allow: Vec<String>,
    pub limits: Limits,
    pub conduct: Conduct,
    pub congestion: Congestion,
}

pub fn options(seed: u8) -> Options {
    Options {
        seed,
        bind: "127.0.0.1:0".parse().unwrap(),
        allow: vec!["127.0.0.0/8".into()],
        limits: LIMITS,
        conduct: Conduct::Echo,
        congestion: Congestion::Bbr,
    }
}

pub fn open(options: Options) -> Node {
    let served = Arc::new(Served {
        conduct: options.conduct,
        endpoint: Mutex::new(None),
        requests: AtomicUsize::new(0),
        body_bytes: Mutex::default(),
        closed: Mutex::default(),
    });
    let config = Config {
        seed: [options.seed; 32],
        bind: vec![options.bind],
        allow: AllowList::new(&options.allow).unwrap(),
        congestion: options.congestion,
        limits: options.limits,
    };
    let endpoint = Endpoint::open(config, served.clone()).unwrap();
    *served.endpoint.lock().unwrap() = Some(endpoint.clone());
    Node { endpoint, served }
}

/// Polls until `condition` holds.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come true within 5 s");
}
