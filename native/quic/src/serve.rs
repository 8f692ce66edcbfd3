//! The serving side of a connection: streams to requests, answers back.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use libp2p_identity::PeerId;
use parking_lot::Mutex;
use quinn::{RecvStream, SendStream, VarInt};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::body::{self, Bounds};
use crate::budget::Budget;
use crate::config::Limits;
use crate::error::reset;
use crate::framing::{Answer, ReceiveError, Received, Sending, answer_head, receive_head};

/// Statuses that this side gives by itself; numbers as in `schema/shard-protocol.md`.
const BUSY: u16 = 5;

/// Where requests and news of connections go. Calls come from any thread and must not block.
pub trait Handler: Send + Sync + 'static {
    /// A peer is connected: it has dialled us, or (`dialled`) we have dialled it.
    fn opened(&self, connection: u32, peer: &str, remote: &str, dialled: bool);
    /// A connection is gone.
    fn closed(&self, connection: u32, reason: &str);
    /// A request, to be answered by [`crate::Endpoint::respond`].
    fn request(&self, request: IncomingRequest);
}

/// A request to be served.
pub struct IncomingRequest {
    /// Names the request in [`crate::Endpoint::respond`].
    pub id: u32,
    /// The connection that it came on.
    pub connection: u32,
    /// Type number.
    pub kind: u8,
    /// The request's struct.
    pub head: Bytes,
    /// The request's body.
    pub body: Bytes,
}

/// Requests that are being served, by peer and by id.
pub(crate) struct Serving {
    limits: Limits,
    pub(crate) budget: Budget,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    peers: HashMap<PeerId, usize>,
    total: usize,
    waiting: HashMap<u32, oneshot::Sender<Answer>>,
    next_id: u32,
}

/// A place among the requests under way; left when dropped.
struct Place {
    serving: Arc<Serving>,
    peer: PeerId,
}

impl Serving {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, budget: Budget::new(limits.body_bytes_in_flight), table: Mutex::default() })
    }

    /// Requests under way here.
    pub(crate) fn total(&self) -> usize {
        self.table.lock().total
    }

    /// False when nobody waits for this answer any more.
    pub(crate) fn respond(&self, id: u32, answer: Answer) -> bool {
        let waiting = self.table.lock().waiting.remove(&id);
        waiting.is_some_and(|waiting| waiting.send(answer).is_ok())
    }

    fn enter(self: &Arc<Self>, peer: PeerId) -> Option<Place> {
        let mut table = self.table.lock();
        let mine = table.peers.get(&peer).copied().unwrap_or(0);
        if mine >= self.limits.requests_per_peer || table.total >= self.limits.requests_total {
            return None;
        }
        table.peers.insert(peer, mine + 1);
        table.total += 1;
        Some(Place { serving: self.clone(), peer })
    }

    fn expect(&self) -> (u32, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        let mut table = self.table.lock();
        while table.waiting.contains_key(&table.next_id) {
            table.next_id = table.next_id.wrapping_add(1);
        }
        let id = table.next_id;
        table.next_id = id.wrapping_add(1);
        table.waiting.insert(id, sender);
        (id, receiver)
    }

    fn forget(&self, id: u32) {
        self.table.lock().waiting.remove(&id);
    }

    /// Serves one stream to its end. `handler` is asked for late, so that a closing endpoint serves nothing new.
    pub(crate) async fn stream<H: FnOnce() -> Option<Arc<dyn Handler>>>(
        self: Arc<Self>,
        connection: u32,
        peer: PeerId,
        (send, mut recv): (SendStream, RecvStream),
        handler: H,
    ) {
        let mut send = Sending::new(send);
        let Some(_place) = self.enter(peer) else {
            refuse(send, &mut recv, BUSY, "too many requests under way").await;
            return;
        };
        let Received { kind, head, body, hold } = match self.receive(&mut recv).await {
            Ok(received) => received,
            Err(ReceiveError::Crowded) => {
                refuse(send, &mut recv, BUSY, "no memory came free for the body").await;
                return;
            }
            Err(error) => {
                let code = abandon(&error);
                let _ = recv.stop(code);
                send.reset_with(code);
                return;
            }
        };
        let Some(handler) = handler() else {
            send.reset_with(reset::STOPPED);
            return;
        };
        let (id, answer) = self.expect();
        handler.request(IncomingRequest { id, connection, kind, head, body });
        drop(handler);
        let stopped = send.stopped();
        let answered = tokio::select! {
            answer = timeout(self.limits.serve, answer) => answer,
            _ = stopped => {
                // The caller gave up, or its connection is gone.
                self.forget(id);
                return;
            }
        };
        match answered {
            Ok(Ok(answer)) => {
                // The request's memory counts until it has been answered, not until the answer has been taken.
                drop(hold);
                respond(send, answer).await;
            }
            _ => {
                self.forget(id);
                send.reset_with(reset::STOPPED);
            }
        }
    }

    async fn receive(&self, recv: &mut RecvStream) -> Result<Received, ReceiveError> {
        let head = timeout(self.limits.stall, receive_head::<1>(recv, self.limits.struct_bytes));
        let ([kind], head) = head.await.map_err(|_| ReceiveError::Stalled)??;
        let bounds = Bounds { limit: self.limits.body_bytes, budget: &self.budget, stall: self.limits.stall };
        let (body, hold) = body::receive(recv, 0, &bounds).await?;
        Ok(Received { kind, head, body, hold })
    }
}

async fn respond(mut send: Sending, answer: Answer) {
    let mut chunks = [answer_head(answer.status, &answer.head), answer.body];
    if send.write_all_chunks(&mut chunks).await.is_ok() && send.finish().is_ok() {
        send.release();
    }
}

/// Answers without having read the request.
async fn refuse(send: Sending, recv: &mut RecvStream, status: u16, message: &'static str) {
    let _ = recv.stop(reset::NONE);
    respond(send, Answer { status, head: Bytes::from_static(message.as_bytes()), body: Bytes::new() }).await;
}

fn abandon(error: &ReceiveError) -> VarInt {
    match error {
        ReceiveError::TooLarge => reset::TOO_LARGE,
        ReceiveError::Truncated => reset::MALFORMED,
        _ => reset::CANCELLED,
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.serving.table.lock();
        table.total -= 1;
        if let Some(count) = table.peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                table.peers.remove(&self.peer);
            }
        }
    }
}
