//! What can be asked of the peer.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use libp2p::identity::Keypair;
use libp2p::kad::{PeerInfo, Record};
use libp2p::{Multiaddr, PeerId};
use libp2p_stream::Control;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use crate::object::{self, ALL_ROWS, Link};
use crate::record::{self, Statement};
use crate::shards::{self, ShardStore};
use crate::swarm::{self, Driver, Order};
use crate::{Result, swarm::peer_of};

const DATA_ROWS: usize = 8;

pub(crate) struct Peer {
    key: Keypair,
    orders: mpsc::Sender<Order>,
    control: Control,
    shards: Arc<ShardStore>,
    addresses: Vec<String>,
}

impl Peer {
    pub(crate) async fn start(asked: &Value) -> Result<Self> {
        let key = Keypair::ed25519_from_bytes(hex(&asked["seed"])?)?;
        let mut swarm = swarm::build(
            &key,
            asked["mdns"].as_str().is_some_and(|name| !name.is_empty()),
        )?;
        let listen = texts(&asked["listen"]);
        for address in &listen {
            swarm.listen_on(address.parse()?)?;
        }
        let mut control = swarm::control(&swarm);
        let shards = Arc::new(ShardStore::default());
        tokio::spawn(shards::serve(
            control.accept(shards::PROTOCOL)?,
            shards.clone(),
        ));
        let (orders, ordered) = mpsc::channel(64);
        tokio::spawn(Driver::new(swarm).run(ordered));
        let mut peer = Self {
            key,
            orders,
            control,
            shards,
            addresses: Vec::new(),
        };
        while peer.addresses.len() < listen.len() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let own = peer.key.public().to_peer_id();
            peer.addresses = peer
                .ask(Order::Addresses)
                .await?
                .iter()
                .map(|at| format!("{at}/p2p/{own}"))
                .collect();
        }
        for address in texts(&asked["bootstrap"]) {
            peer.dial(address.parse()?).await?;
        }
        Ok(peer)
    }

    pub(crate) fn about(&self) -> Result<Value> {
        Ok(
            json!({ "peer": self.key.public().to_peer_id().to_string(), "addresses": self.addresses }),
        )
    }

    pub(crate) async fn run(&self, asked: &Value) -> Result<Value> {
        let name = || {
            (
                text(asked, "hash"),
                asked["index"].as_u64().unwrap_or(0) as u32,
            )
        };
        match asked["op"].as_str().unwrap_or_default() {
            "dial" => {
                Ok(json!({ "peer": self.dial(text(asked, "address").parse()?).await?.to_string() }))
            }
            "connected" => {
                let (peers, table) = self.ask(Order::Connected).await?;
                Ok(json!({ "peers": peers, "table": table }))
            }
            "provide" => {
                let key = provider_key(&asked["key"])?;
                self.ask(|reply| Order::Provide(key, reply)).await??;
                Ok(json!({}))
            }
            "providers" => {
                let found = self.providers(provider_key(&asked["key"])?).await?;
                let found = found
                    .iter()
                    .map(|peer| json!({ "peer": peer.to_string(), "addresses": [] }));
                Ok(json!({ "peers": found.collect::<Vec<_>>() }))
            }
            "closest" => {
                let key = provider_key(&asked["key"])?;
                let found = self.ask(|reply| Order::Closest(key, reply)).await?;
                let found = found.iter().map(
                    |info| json!({ "peer": info.peer_id.to_string(), "addresses": info.addrs }),
                );
                Ok(json!({ "peers": found.collect::<Vec<_>>() }))
            }
            "put" => {
                let record = Record::new(text(asked, "key").into_bytes(), hex(&asked["value"])?);
                self.ask(|reply| Order::Put(record, reply)).await??;
                Ok(json!({}))
            }
            "get" => {
                let found = self
                    .ask(|reply| Order::Get(text(asked, "key").into_bytes(), reply))
                    .await?;
                let best = found
                    .iter()
                    .max_by(|a, b| record::compare(a, b))
                    .ok_or("nobody has it")?;
                Ok(json!({ "value": HEXLOWER.encode(best) }))
            }
            "record" => Ok(
                json!({ "value": HEXLOWER.encode(&record::sign(&self.key, &self.statement(asked)?)?) }),
            ),
            "read-record" => {
                let said = record::parse(&hex(&asked["value"])?)?;
                Ok(json!({
                    "peer": said.peer.to_string(), "sequence": said.sequence, "expires": said.expires,
                    "label": said.label, "version": said.version, "addresses": said.addresses,
                }))
            }
            "subscribe" => {
                self.ask(|reply| Order::Subscribe(text(asked, "topic"), reply))
                    .await??;
                Ok(json!({}))
            }
            "publish" => {
                let data = hex(&asked["value"])?;
                self.ask(|reply| Order::Publish(text(asked, "topic"), data, reply))
                    .await??;
                Ok(json!({}))
            }
            "messages" => {
                let heard = self
                    .ask(|reply| Order::Messages(text(asked, "topic"), reply))
                    .await?;
                let heard = heard.iter().map(|(from, data)| json!({ "from": from.to_string(), "data": HEXLOWER.encode(data) }));
                Ok(json!({ "messages": heard.collect::<Vec<_>>() }))
            }
            "discovered" => {
                let found = self.ask(Order::Discovered).await?;
                let found = found
                    .iter()
                    .map(|(peer, at)| json!({ "peer": peer.to_string(), "addresses": [at] }));
                Ok(json!({ "peers": found.collect::<Vec<_>>() }))
            }
            "hold" => {
                self.shards
                    .put(name(), BASE64.decode(text(asked, "data").as_bytes())?)?;
                Ok(json!({}))
            }
            "held" => {
                Ok(json!({ "data": self.shards.get(&name()).map(|shard| BASE64.encode(&shard)) }))
            }
            "fetch" => {
                let peer = self.connect(&text(asked, "peer")).await?;
                let shard = shards::fetch(&mut self.control.clone(), peer, &name()).await?;
                Ok(json!({ "data": BASE64.encode(&shard) }))
            }
            "store" => {
                let peer = self.connect(&text(asked, "peer")).await?;
                let shard = BASE64.decode(text(asked, "data").as_bytes())?;
                shards::store(&mut self.control.clone(), peer, &name(), &shard).await?;
                Ok(json!({}))
            }
            "read" => self.read(asked).await,
            other => Err(format!("no such operation: {other}").into()),
        }
    }

    /// Finds the holders of a whole object by its link, fetches eight shards, the wanted rows first, and opens them.
    async fn read(&self, asked: &Value) -> Result<Value> {
        let link = Link::parse(&text(asked, "link"))?;
        let key = [&[0x12, 0x20], Sha256::digest(link.root).as_slice()].concat();
        let holders = self.providers(key).await?;
        let mut shards: Vec<Option<Vec<u8>>> = vec![None; ALL_ROWS];
        let mut rows = Vec::new();
        let mut from = std::collections::BTreeMap::<String, usize>::new();
        for row in asked["rows"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_u64)
        {
            let name = (HEXLOWER.encode(&link.root), u32::try_from(row)?);
            for holder in &holders {
                if rows.len() == DATA_ROWS || *holder == self.key.public().to_peer_id() {
                    continue;
                }
                let Ok(peer) = self.connect(&holder.to_string()).await else {
                    continue;
                };
                match shards::fetch(&mut self.control.clone(), peer, &name).await {
                    Ok(shard) if !shard.is_empty() => {
                        *shards.get_mut(usize::try_from(row)?).ok_or("no such row")? = Some(shard);
                        rows.push(row);
                        *from.entry(holder.to_string()).or_default() += 1;
                        break;
                    }
                    _ => {}
                }
            }
        }
        if rows.len() < DATA_ROWS {
            return Err(format!(
                "{} of eight shards from {} holders",
                rows.len(),
                holders.len()
            )
            .into());
        }
        let plain = object::open(&link.data_key(), shards)?;
        let hash = HEXLOWER.encode(&Sha256::digest(&plain));
        Ok(json!({ "sha256": hash, "bytes": plain.len(), "rows": rows, "from": from }))
    }

    async fn providers(&self, key: Vec<u8>) -> Result<Vec<PeerId>> {
        self.ask(|reply| Order::Providers(key, reply)).await
    }

    async fn dial(&self, address: Multiaddr) -> Result<PeerId> {
        self.ask(|reply| Order::Dial(address, reply)).await?
    }

    /// By address, or by PeerId at the addresses that the DHT has for it.
    async fn connect(&self, to: &str) -> Result<PeerId> {
        if let Ok(address) = to.parse::<Multiaddr>() {
            peer_of(&address).ok_or("the address names no peer")?;
            return self.dial(address).await;
        }
        let peer: PeerId = to.parse()?;
        if self.ask(Order::Connected).await?.0.contains_key(to) {
            return Ok(peer);
        }
        let near: Vec<PeerInfo> = self
            .ask(|reply| Order::Closest(peer.to_bytes(), reply))
            .await?;
        for address in near
            .into_iter()
            .filter(|info| info.peer_id == peer)
            .flat_map(|info| info.addrs)
        {
            if let Ok(address) = address.with_p2p(peer)
                && self.dial(address).await.is_ok()
            {
                return Ok(peer);
            }
        }
        Err(format!("{peer} cannot be reached").into())
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.orders
            .send(order(reply))
            .await
            .map_err(|_| "the swarm has ended")?;
        Ok(answer.await?)
    }

    fn statement(&self, asked: &Value) -> Result<Statement> {
        let number = |name: &str| {
            asked[name]
                .as_u64()
                .ok_or_else(|| format!("{name} is missing"))
        };
        Ok(Statement {
            peer: self.key.public().to_peer_id(),
            sequence: number("sequence")?,
            expires: number("expires")?,
            label: u32::try_from(number("label")?)?,
            version: "rust".to_owned(),
            addresses: self.addresses.clone(),
        })
    }
}

/// 32 bytes in hex, a hash already, to a sha2-256 multihash.
fn provider_key(text: &Value) -> Result<Vec<u8>> {
    let key = hex(text)?;
    if key.len() != 32 {
        return Err("a key has 32 bytes".into());
    }
    Ok([&[0x12, 0x20], key.as_slice()].concat())
}

fn hex(value: &Value) -> Result<Vec<u8>> {
    Ok(HEXLOWER.decode(value.as_str().ok_or("hex is missing")?.as_bytes())?)
}

fn text(asked: &Value, name: &str) -> String {
    asked[name].as_str().unwrap_or_default().to_owned()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
