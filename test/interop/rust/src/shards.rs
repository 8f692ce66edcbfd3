//! `/pangea/rpc/1.0.0`: one request a stream, integers big-endian.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{PeerId, Stream, StreamProtocol};
use libp2p_stream::{Control, IncomingStreams};

use crate::Result;

pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/pangea/rpc/1.0.0");
const FETCH: u8 = 1;
const STORE: u8 = 3;
const MAX_SHARD: u64 = 9 << 20;
const MAX_HASH: usize = 256;
const MAX_SHARDS: usize = 4096;
const STREAM_TIME: Duration = Duration::from_secs(60);

pub(crate) type Name = (String, u32);

#[derive(Default)]
pub(crate) struct ShardStore(Mutex<HashMap<Name, Vec<u8>>>);

impl ShardStore {
    pub(crate) fn get(&self, name: &Name) -> Option<Vec<u8>> {
        self.0.lock().ok()?.get(name).cloned()
    }

    pub(crate) fn put(&self, name: Name, shard: Vec<u8>) -> Result<()> {
        let mut held = self.0.lock().map_err(|_| "a thread died with the store")?;
        if held.len() >= MAX_SHARDS && !held.contains_key(&name) {
            return Err("full".into());
        }
        held.insert(name, shard);
        Ok(())
    }
}

pub(crate) async fn serve(mut streams: IncomingStreams, store: std::sync::Arc<ShardStore>) {
    while let Some((_, stream)) = streams.next().await {
        let store = store.clone();
        // A stream that failed is dropped, which resets it.
        tokio::spawn(
            async move { tokio::time::timeout(STREAM_TIME, answer(stream, &store)).await },
        );
    }
}

async fn answer(mut stream: Stream, store: &ShardStore) -> Result<()> {
    let mut head = [0; 3];
    stream.read_exact(&mut head).await?;
    let length = usize::from(u16::from_be_bytes([head[1], head[2]]));
    if length > MAX_HASH {
        return Err("hash too long".into());
    }
    let mut hash = vec![0; length];
    stream.read_exact(&mut hash).await?;
    let mut index = [0; 4];
    stream.read_exact(&mut index).await?;
    let name = (String::from_utf8(hash)?, u32::from_be_bytes(index));
    match head[0] {
        FETCH => {
            stream
                .write_all(&store.get(&name).unwrap_or_default())
                .await?
        }
        STORE => {
            let shard = read_limited(&mut stream).await?;
            store.put(name, shard)?;
            stream.write_all(b"OK").await?;
        }
        _ => {}
    }
    Ok(stream.close().await?)
}

/// Nothing, when the peer does not have it.
pub(crate) async fn fetch(control: &mut Control, peer: PeerId, name: &Name) -> Result<Vec<u8>> {
    ask(control, peer, FETCH, name, &[]).await
}

pub(crate) async fn store(
    control: &mut Control,
    peer: PeerId,
    name: &Name,
    shard: &[u8],
) -> Result<()> {
    match ask(control, peer, STORE, name, shard).await?.as_slice() {
        b"OK" => Ok(()),
        other => Err(format!("not OK but {} other bytes", other.len()).into()),
    }
}

async fn ask(
    control: &mut Control,
    peer: PeerId,
    kind: u8,
    name: &Name,
    shard: &[u8],
) -> Result<Vec<u8>> {
    let mut stream = control.open_stream(peer, PROTOCOL).await?;
    let (hash, index) = name;
    let mut head = vec![kind];
    head.extend(u16::try_from(hash.len())?.to_be_bytes());
    head.extend(hash.as_bytes());
    head.extend(index.to_be_bytes());
    stream.write_all(&head).await?;
    stream.write_all(shard).await?;
    stream.close().await?;
    read_limited(&mut stream).await
}

async fn read_limited(stream: &mut Stream) -> Result<Vec<u8>> {
    let mut read = Vec::new();
    let length = stream.take(MAX_SHARD + 1).read_to_end(&mut read).await?;
    if length as u64 > MAX_SHARD {
        Err("a shard has at most 9 MiB".into())
    } else {
        Ok(read)
    }
}
