//! A small peer on rust-libp2p, written from the wire facts alone: no crate of the node is used. It is driven by one
//! JSON object a line on stdin and answers by one a line on stdout; the end of stdin ends it.
//! `docs/internals/interop.md` lists the operations.

mod object;
mod operations;
mod record;
mod shards;
mod swarm;

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{OnceCell, mpsc};

use crate::operations::Peer;

/// What went wrong, in words for whoever reads the test's output.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let peer = Arc::new(OnceCell::<Peer>::new());
    // Standard input blocks, so a thread of its own reads it.
    let (lines, mut read) = mpsc::channel::<std::io::Result<String>>(64);
    std::thread::spawn(move || {
        std::io::stdin()
            .lock()
            .lines()
            .try_for_each(|line| lines.blocking_send(line))
    });
    while let Some(line) = read.recv().await {
        let asked: Value = serde_json::from_str(&line?)?;
        let peer = peer.clone();
        tokio::spawn(async move {
            let limit = Duration::from_millis(asked["timeoutMs"].as_u64().unwrap_or(30_000));
            let outcome = match tokio::time::timeout(limit, run(&peer, &asked)).await {
                Ok(outcome) => outcome,
                Err(late) => Err(late.into()),
            };
            let mut answer = outcome.unwrap_or_else(|error| json!({ "error": error.to_string() }));
            answer["id"] = asked["id"].clone();
            // One write a line: answers of several tasks must not mix.
            if std::io::stdout()
                .write_all(format!("{answer}\n").as_bytes())
                .is_err()
            {
                std::process::exit(1);
            }
        });
    }
    Ok(())
}

async fn run(peer: &OnceCell<Peer>, asked: &Value) -> Result<Value> {
    if asked["op"] == "start" {
        let started = peer.get_or_try_init(|| Peer::start(asked)).await?;
        return started.about();
    }
    peer.get().ok_or("not started")?.run(asked).await
}
