//! Face of the quic crate.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{AbortHandle, Abortable};
use napi::bindgen_prelude::*;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use pangea_firewall::AllowList;
use pangea_quic::{Answer, Config, Congestion, Endpoint, Handler, IncomingRequest, Limits};
use parking_lot::Mutex;

use crate::body::NativeBody;
use crate::error;

pub(crate) fn quic_error(failure: pangea_quic::Error) -> napi::Error {
    error(failure.code(), failure)
}

/// Bounds, as `limits` of `src/transport/transport.ts` names them.
#[napi(object, object_to_js = false)]
pub struct QuicLimits {
    pub struct_bytes: u32,
    pub body_bytes: u32,
    pub requests_per_peer: u32,
    pub requests_total: u32,
    pub body_bytes_in_flight: u32,
    pub connections: u32,
    /// Longest silence inside a request or an answer that is being received.
    pub stall_ms: u32,
    /// Longest time that the handler may take.
    pub serve_ms: u32,
}

#[napi(object, object_to_js = false)]
pub struct QuicOptions {
    /// 32 bytes.
    pub seed: Uint8Array,
    /// `address:port` to try in order.
    pub bind: Vec<String>,
    pub allow: Vec<String>,
    #[napi(ts_type = "'cubic' | 'bbr'")]
    pub congestion: String,
    pub limits: QuicLimits,
}

/// News of connections and requests, in the order in which they happened.
#[napi(object, object_from_js = false)]
pub struct QuicEvent {
    #[napi(ts_type = "'opened' | 'closed' | 'request'")]
    pub kind: String,
    pub connection: u32,
    /// `opened`: who is there.
    pub peer: Option<String>,
    /// `opened`: from where; `closed`: why.
    pub text: Option<String>,
    /// `opened`: true when this side dialled.
    pub dialled: Option<bool>,
    /// `request`: to be given to `respond`.
    pub id: Option<u32>,
    /// `request`: its type number.
    pub code: Option<u32>,
    /// `request`: its struct.
    pub head: Option<Buffer>,
    /// `request`: its body, absent when it has none.
    pub body: Option<NativeBody>,
}

#[napi(object, object_from_js = false)]
pub struct QuicAnswer {
    pub status: u32,
    pub head: Buffer,
    /// Absent when the answer has none.
    pub body: Option<NativeBody>,
}

#[napi(object, object_from_js = false)]
pub struct QuicConnection {
    pub connection: u32,
    pub peer: String,
    pub remote_address: String,
}

/// Attempts to connect since the start, by outcome.
#[napi(object, object_from_js = false)]
pub struct QuicCounters {
    pub allowed: i64,
    pub denied: i64,
    pub refused_alpn: i64,
    pub refused_handshake: i64,
    pub refused_full: i64,
    /// Open connections of libp2p, where it shares the socket.
    pub guest_connections: i64,
    /// Handshakes of libp2p that failed.
    pub guest_refused_handshake: i64,
    /// Attempts of libp2p beyond its own limits.
    pub guest_refused_full: i64,
}

#[napi(object, object_from_js = false)]
pub struct QuicLoad {
    /// Requests of peers that are being served.
    pub serving: u32,
    /// Own requests that wait for an answer.
    pub requesting: u32,
    /// Bytes that bodies of requests may still take.
    pub free_body_bytes: u32,
}

type EventCallback = ThreadsafeFunction<QuicEvent, (), QuicEvent, Status, false>;

struct Events(EventCallback);

impl Events {
    fn send(&self, event: QuicEvent) {
        // Fails only while the environment shuts down.
        let _ = self.0.call(event, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

fn event(kind: &str, connection: u32) -> QuicEvent {
    QuicEvent {
        kind: kind.to_owned(),
        connection,
        peer: None,
        text: None,
        dialled: None,
        id: None,
        code: None,
        head: None,
        body: None,
    }
}

impl Handler for Events {
    fn opened(&self, connection: u32, peer: &str, remote: &str, dialled: bool) {
        let (peer, text) = (Some(peer.to_owned()), Some(remote.to_owned()));
        self.send(QuicEvent { peer, text, dialled: Some(dialled), ..event("opened", connection) });
    }

    fn closed(&self, connection: u32, reason: &str) {
        self.send(QuicEvent { text: Some(reason.to_owned()), ..event("closed", connection) });
    }

    fn request(&self, request: IncomingRequest) {
        self.send(QuicEvent {
            id: Some(request.id),
            code: Some(u32::from(request.kind)),
            head: Some(Buffer::from(request.head.to_vec())),
            body: body_of(request.body),
            ..event("request", request.connection)
        });
    }
}

fn body_of(bytes: Bytes) -> Option<NativeBody> {
    (!bytes.is_empty()).then(|| NativeBody::new(bytes))
}

fn bytes_of(body: Option<&NativeBody>) -> napi::Result<Bytes> {
    body.map_or_else(|| Ok(Bytes::new()), NativeBody::share)
}

fn seed_of(seed: &Uint8Array) -> napi::Result<[u8; 32]> {
    <[u8; 32]>::try_from(seed.as_ref()).map_err(|_| error("INTERNAL", "a seed has 32 bytes"))
}

fn milliseconds(value: u32) -> Duration {
    Duration::from_millis(u64::from(value))
}

/// The endpoint of the shard protocol: listens and dials on one UDP socket.
#[napi]
pub struct QuicEndpoint {
    endpoint: Endpoint,
    requests: Arc<Mutex<HashMap<u32, AbortHandle>>>,
}

impl QuicEndpoint {
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

#[napi]
impl QuicEndpoint {
    /// Binds and accepts at once. The callback keeps the process alive until `close`.
    #[napi(factory)]
    pub fn open(
        options: QuicOptions,
        #[napi(ts_arg_type = "(event: QuicEvent) => void")] on_event: EventCallback,
    ) -> napi::Result<Self> {
        let seed = seed_of(&options.seed)?;
        let bind: Vec<SocketAddr> = options
            .bind
            .iter()
            .map(|text| text.parse().map_err(|_| error("ADDRESS_INVALID", format!("'{text}' is not address:port"))))
            .collect::<napi::Result<_>>()?;
        let congestion = match options.congestion.as_str() {
            "cubic" => Congestion::Cubic,
            "bbr" => Congestion::Bbr,
            other => return Err(error("CONFIG_INVALID", format!("congestion controller '{other}' is unknown"))),
        };
        let limits = options.limits;
        let config = Config {
            seed,
            bind,
            allow: AllowList::new(&options.allow).map_err(|text| error("CONFIG_INVALID", text))?,
            congestion,
            limits: Limits {
                struct_bytes: limits.struct_bytes as usize,
                body_bytes: limits.body_bytes as usize,
                requests_per_peer: limits.requests_per_peer as usize,
                requests_total: limits.requests_total as usize,
                body_bytes_in_flight: limits.body_bytes_in_flight as usize,
                connections: limits.connections as usize,
                stall: milliseconds(limits.stall_ms),
                serve: milliseconds(limits.serve_ms),
            },
        };
        let events = Arc::new(Events(on_event));
        let endpoint = within_runtime_if_available(|| Endpoint::open(config, events)).map_err(quic_error)?;
        Ok(Self { endpoint, requests: Arc::default() })
    }

    /// The PeerId of a 32-byte Ed25519 seed.
    #[napi]
    pub fn peer_of(seed: Uint8Array) -> napi::Result<String> {
        pangea_quic::peer_id(seed_of(&seed)?).map_err(quic_error)
    }

    #[napi(getter)]
    pub fn local_peer(&self) -> String {
        self.endpoint.local_peer()
    }

    /// With the real port.
    #[napi(getter)]
    pub fn local_address(&self) -> String {
        self.endpoint.local_address().to_string()
    }

    /// Dials `host:port`; with `expected` only this PeerId will do.
    #[napi]
    pub async fn dial(
        &self,
        address: String,
        expected: Option<String>,
        timeout_ms: u32,
    ) -> napi::Result<QuicConnection> {
        let dialled =
            self.endpoint.dial(&address, expected.as_deref(), milliseconds(timeout_ms)).await.map_err(quic_error)?;
        Ok(QuicConnection {
            connection: dialled.connection,
            peer: dialled.peer,
            remote_address: dialled.remote.to_string(),
        })
    }

    /// One request. `token` names it in `cancel`; `expectedBytes` guesses the length of the answer's body.
    /// The body is shared before this returns, so its handle may be released at once.
    #[allow(clippy::too_many_arguments, reason = "one crossing of the boundary a request")]
    #[napi]
    pub fn request<'env>(
        &self,
        env: &'env Env,
        connection: u32,
        token: u32,
        code: u8,
        head: Uint8Array,
        body: Option<&NativeBody>,
        expected_bytes: u32,
        timeout_ms: u32,
    ) -> napi::Result<PromiseRaw<'env, QuicAnswer>> {
        let body = bytes_of(body)?;
        let head = Bytes::copy_from_slice(&head);
        let (handle, registration) = AbortHandle::new_pair();
        self.requests.lock().insert(token, handle);
        let requests = self.requests.clone();
        let endpoint = self.endpoint.clone();
        env.spawn_future(async move {
            let exchange =
                endpoint.request(connection, code, head, body, expected_bytes as usize, milliseconds(timeout_ms));
            let done = Abortable::new(exchange, registration).await;
            requests.lock().remove(&token);
            let answer = done.unwrap_or(Err(pangea_quic::Error::Aborted)).map_err(quic_error)?;
            Ok(QuicAnswer {
                status: u32::from(answer.status),
                head: Buffer::from(answer.head.to_vec()),
                body: body_of(answer.body),
            })
        })
    }

    /// Resets the request's stream; its promise rejects with `ABORTED`. Does nothing when it is over.
    #[napi]
    pub fn cancel(&self, token: u32) {
        if let Some(handle) = self.requests.lock().get(&token) {
            handle.abort();
        }
    }

    /// Answers a request. False when nobody waits for the answer any more.
    #[napi]
    pub fn respond(&self, id: u32, status: u16, head: Uint8Array, body: Option<&NativeBody>) -> napi::Result<bool> {
        let answer = Answer { status, head: Bytes::copy_from_slice(&head), body: bytes_of(body)? };
        Ok(self.endpoint.respond(id, answer))
    }

    #[napi]
    pub fn close_connection(&self, connection: u32, reason: String) {
        self.endpoint.close_connection(connection, &reason);
    }

    /// Replaces the allowlist; open connections stay.
    #[napi]
    pub fn set_allow(&self, blocks: Vec<String>) -> napi::Result<()> {
        self.endpoint.allow().replace(&blocks).map_err(|text| error("CONFIG_INVALID", text))
    }

    /// Whether connections from this IP address are taken. Counts nothing.
    #[napi]
    pub fn allows(&self, address: String) -> bool {
        address.parse::<IpAddr>().is_ok_and(|address| self.endpoint.allow().contains(address))
    }

    #[napi]
    pub fn counters(&self) -> QuicCounters {
        let counters = self.endpoint.counters();
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        QuicCounters {
            allowed: number(counters.allowed),
            denied: number(counters.denied),
            refused_alpn: number(counters.refused_alpn),
            refused_handshake: number(counters.refused_handshake),
            refused_full: number(counters.refused_full),
            guest_connections: number(counters.guest_connections),
            guest_refused_handshake: number(counters.guest_refused_handshake),
            guest_refused_full: number(counters.guest_refused_full),
        }
    }

    #[napi]
    pub fn load(&self) -> QuicLoad {
        let (serving, requesting) = self.endpoint.under_way();
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        QuicLoad {
            serving: number(serving),
            requesting: number(requesting),
            free_body_bytes: number(self.endpoint.free_body_bytes()),
        }
    }

    /// Serves nothing new, waits for what is under way until the deadline, closes. Safe to repeat.
    #[napi]
    pub async fn close(&self, deadline_ms: u32) {
        self.endpoint.close(milliseconds(deadline_ms)).await;
    }
}
