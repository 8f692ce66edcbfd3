//! Gossipsub: signed messages to everybody on a topic. Whether a message is passed on is decided outside, as with
//! values of the DHT.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::gossipsub::{
    self, IdentTopic, MaxCountSubscriptionFilter, Message, MessageAcceptance, MessageAuthenticity, MessageId,
    PeerScoreParams, PeerScoreThresholds, PublishError, TopicHash, TopicScoreParams, TopicSubscriptionFilter,
    ValidationMode,
};
use libp2p::identity::Keypair;
use libp2p::{PeerId, swarm::NetworkBehaviour};
use tokio::sync::mpsc;

use crate::error::P2pError;
use crate::host::Event;
use crate::limits;

pub(crate) type Behaviour = gossipsub::Behaviour<gossipsub::IdentityTransform, MaxCountSubscriptionFilter<ShortNames>>;
pub(crate) type BehaviourEvent = <Behaviour as NetworkBehaviour>::ToSwarm;

/// Forgets subscriptions to topics that could not be subscribed to here: each name is kept for as long as the peer is
/// there, and one message has room for one of 64 KiB.
#[derive(Clone, Default)]
pub(crate) struct ShortNames;

impl TopicSubscriptionFilter for ShortNames {
    fn can_subscribe(&mut self, topic: &TopicHash) -> bool {
        topic.as_str().len() <= limits::GOSSIP_TOPIC_BYTES
    }
}

pub(crate) fn behaviour(keypair: &Keypair) -> Result<Behaviour, P2pError> {
    let internal = |error: &dyn std::fmt::Display| P2pError::new("INTERNAL", error);
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        // As go-libp2p-pubsub names messages: IHAVE and IWANT of other makes are about the same ones.
        .message_id_fn(message_id)
        .max_transmit_size(limits::GOSSIP_MESSAGE_BYTES + limits::GOSSIP_ENVELOPE_BYTES)
        .heartbeat_initial_delay(Duration::from_millis(500))
        // A publisher would send to every peer on the topic, however many they are.
        .flood_publish(false)
        .connection_handler_queue_len(limits::GOSSIP_QUEUE)
        .build()
        .map_err(|error| internal(&error))?;
    let filter = MaxCountSubscriptionFilter {
        filter: ShortNames,
        max_subscribed_topics: limits::GOSSIP_TOPICS_PER_PEER,
        max_subscriptions_per_request: limits::GOSSIP_TOPICS_PER_PEER,
    };
    let mut behaviour =
        Behaviour::new_with_subscription_filter(MessageAuthenticity::Signed(keypair.clone()), config, filter)
            .map_err(|error| internal(&error))?;
    behaviour.with_peer_score(peer_score(), PeerScoreThresholds::default()).map_err(|error| internal(&error))?;
    Ok(behaviour)
}

fn message_id(message: &Message) -> MessageId {
    let mut id = message.source.map(PeerId::to_bytes).unwrap_or_default();
    id.extend_from_slice(&message.sequence_number.unwrap_or_default().to_be_bytes());
    MessageId::from(id)
}

/// Only what a peer did wrong counts. Many nodes share an address behind one NAT, and most topics are quiet: neither
/// is a fault.
fn peer_score() -> PeerScoreParams {
    PeerScoreParams { ip_colocation_factor_weight: 0.0, ..PeerScoreParams::default() }
}

fn topic_score() -> TopicScoreParams {
    TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.0,
        first_message_deliveries_weight: 0.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        // Three invalid messages within some seconds end the gossip with a peer, nine all traffic with it.
        invalid_message_deliveries_weight: -1.5,
        invalid_message_deliveries_decay: 0.95,
        ..TopicScoreParams::default()
    }
}

struct Waiting {
    message: MessageId,
    source: PeerId,
    until: Instant,
}

/// Messages that wait for a verdict.
pub(crate) struct Gossip {
    events: mpsc::Sender<Event>,
    waiting: HashMap<u64, Waiting>,
    next: u64,
}

impl Gossip {
    pub(crate) fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, waiting: HashMap::new(), next: 0 }
    }

    pub(crate) fn subscribe(behaviour: &mut Behaviour, topic: &str) -> Result<(), P2pError> {
        let topic = topic_of(topic)?;
        if behaviour.topics().count() >= limits::GOSSIP_TOPICS {
            return Err(P2pError::new("TOO_MANY", format!("at most {} topics", limits::GOSSIP_TOPICS)));
        }
        behaviour.subscribe(&topic).map_err(|error| P2pError::new("INTERNAL", error))?;
        behaviour.set_topic_params(topic, topic_score()).map_err(|error| P2pError::new("INTERNAL", error))
    }

    pub(crate) fn unsubscribe(behaviour: &mut Behaviour, topic: &str) {
        behaviour.unsubscribe(&IdentTopic::new(topic));
    }

    pub(crate) fn publish(behaviour: &mut Behaviour, topic: &str, data: Vec<u8>) -> Result<(), P2pError> {
        let topic = topic_of(topic)?;
        if data.len() > limits::GOSSIP_MESSAGE_BYTES {
            let text = format!("{} bytes; a message has at most {}", data.len(), limits::GOSSIP_MESSAGE_BYTES);
            return Err(P2pError::new("TOO_LARGE", text));
        }
        behaviour.publish(topic, data).map(drop).map_err(|error| match error {
            PublishError::NoPeersSubscribedToTopic => {
                P2pError::new("NOT_ENOUGH_PEERS", "nobody else that is connected is on the topic")
            }
            PublishError::MessageTooLarge => P2pError::new("TOO_LARGE", "the message is too large"),
            PublishError::AllQueuesFull(peers) => {
                P2pError::new("PEER_BUSY", format!("none of {peers} peers keeps up with the topic"))
            }
            other => P2pError::new("INTERNAL", format!("not published: {other:?}")),
        })
    }

    /// Asks for the verdict over a message. One that nobody can judge in time is neither passed on nor held against
    /// its sender.
    pub(crate) fn on_event(&mut self, behaviour: &mut Behaviour, event: BehaviourEvent, now: Instant) {
        self.expire(behaviour, now);
        let gossipsub::Event::Message { propagation_source, message_id, message } = event else { return };
        let Message { source: Some(from), data, topic, .. } = message else { return };
        let event = Event::Gossip { id: self.next, topic: topic.into_string(), from, data };
        let asked = self.waiting.len() < limits::GOSSIP_WAITING && self.events.try_send(event).is_ok();
        if asked {
            let until = now + limits::VERDICT;
            self.waiting.insert(self.next, Waiting { message: message_id, source: propagation_source, until });
            self.next += 1;
        } else {
            behaviour.report_message_validation_result(&message_id, &propagation_source, MessageAcceptance::Ignore);
        }
    }

    pub(crate) fn verdict(&mut self, behaviour: &mut Behaviour, id: u64, accept: bool) {
        let Some(Waiting { message, source, .. }) = self.waiting.remove(&id) else { return };
        let acceptance = if accept { MessageAcceptance::Accept } else { MessageAcceptance::Reject };
        behaviour.report_message_validation_result(&message, &source, acceptance);
    }

    fn expire(&mut self, behaviour: &mut Behaviour, now: Instant) {
        let late: Vec<u64> =
            self.waiting.iter().filter(|(_, waiting)| waiting.until <= now).map(|(id, _)| *id).collect();
        for Waiting { message, source, .. } in late.iter().filter_map(|id| self.waiting.remove(id)) {
            behaviour.report_message_validation_result(&message, &source, MessageAcceptance::Ignore);
        }
    }
}

fn topic_of(name: &str) -> Result<IdentTopic, P2pError> {
    if name.is_empty() || name.len() > limits::GOSSIP_TOPIC_BYTES {
        return Err(P2pError::new(
            "USAGE",
            format!("the name of a topic has 1 to {} bytes", limits::GOSSIP_TOPIC_BYTES),
        ));
    }
    Ok(IdentTopic::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One filter judges what is subscribed to here and what others say that they are subscribed to.
    #[test]
    fn a_name_longer_than_any_topic_here_is_not_kept() {
        let mut behaviour = behaviour(&Keypair::generate_ed25519()).unwrap();
        for (bytes, taken) in [(limits::GOSSIP_TOPIC_BYTES, true), (limits::GOSSIP_TOPIC_BYTES + 1, false)] {
            assert_eq!(behaviour.subscribe(&IdentTopic::new("x".repeat(bytes))).is_ok(), taken, "{bytes}");
        }
    }
}
