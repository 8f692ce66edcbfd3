//! The peer record, `schema/peer-record.md`.

use std::cmp::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use libp2p::PeerId;
use libp2p::identity::{Keypair, PublicKey, ed25519};

use crate::Result;

pub(crate) const TOPIC: &str = "/pangea/nodes/1";
const PURPOSE: &[u8] = b"pangea-node 1 peer record\0";
const HEAD: &[u8] = b"PGPR\x01\x00\x00\x00";
const SIGNATURE: usize = 64;
const LIFETIME_MS: u64 = (48 * 60 + 10) * 60_000;
const MAX_SAFE: u64 = 1 << 53;

#[derive(Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) peer: PeerId,
    pub(crate) sequence: u64,
    pub(crate) expires: u64,
    pub(crate) label: u32,
    pub(crate) version: String,
    pub(crate) addresses: Vec<String>,
}

/// Signs what is said; the peer is the key's.
pub(crate) fn sign(key: &Keypair, said: &Statement) -> Result<Vec<u8>> {
    let mut body = HEAD.to_vec();
    body.extend(key.public().try_into_ed25519()?.to_bytes());
    body.extend(said.sequence.to_le_bytes());
    body.extend(said.expires.to_le_bytes());
    body.extend(said.label.to_le_bytes());
    push_text(&mut body, &said.version)?;
    body.push(u8::try_from(said.addresses.len())?);
    for address in &said.addresses {
        push_text(&mut body, address)?;
    }
    let signature = key.sign(&[PURPOSE, &body].concat())?;
    body.extend(signature);
    Ok(body)
}

fn push_text(body: &mut Vec<u8>, text: &str) -> Result<()> {
    body.push(u8::try_from(text.len())?);
    body.extend(text.as_bytes());
    Ok(())
}

/// Checks form and signature of any bytes.
pub(crate) fn parse(bytes: &[u8]) -> Result<Statement> {
    let mut left = bytes;
    if take(&mut left, HEAD.len())? != HEAD {
        return Err("no peer record of version 1".into());
    }
    let key = ed25519::PublicKey::try_from_bytes(take(&mut left, 32)?)?;
    let sequence = u64::from_le_bytes(take(&mut left, 8)?.try_into()?);
    let expires = u64::from_le_bytes(take(&mut left, 8)?.try_into()?);
    let label = u32::from_le_bytes(take(&mut left, 4)?.try_into()?);
    let version = text(&mut left)?;
    let count = take(&mut left, 1)?[0];
    if sequence >= MAX_SAFE || expires >= MAX_SAFE || version.len() > 64 || count > 16 {
        return Err("a field is out of its limits".into());
    }
    let addresses = (0..count)
        .map(|_| address(&mut left))
        .collect::<Result<Vec<_>>>()?;
    if left.len() != SIGNATURE {
        return Err("not of the length it says".into());
    }
    let signed = [PURPOSE, &bytes[..bytes.len() - SIGNATURE]].concat();
    if !key.verify(&signed, left) {
        return Err("the signature does not fit".into());
    }
    Ok(Statement {
        peer: PublicKey::from(key).to_peer_id(),
        sequence,
        expires,
        label,
        version,
        addresses,
    })
}

fn take<'a>(left: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (taken, rest) = left.split_at_checked(count).ok_or("ends too early")?;
    *left = rest;
    Ok(taken)
}

fn text(left: &mut &[u8]) -> Result<String> {
    let length = take(left, 1)?[0];
    Ok(String::from_utf8(take(left, length.into())?.to_vec())?)
}

fn address(left: &mut &[u8]) -> Result<String> {
    let text = text(left)?;
    let good =
        text.len() > 1 && text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    if good {
        Ok(text)
    } else {
        Err("an address is none".into())
    }
}

impl Statement {
    pub(crate) fn is_current(&self) -> bool {
        let now = now_ms();
        now <= self.expires && self.expires <= now + LIFETIME_MS
    }
}

fn now_ms() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// `/pangea/peer/<PeerId>` holds that peer's word, and nothing else is a value here.
pub(crate) fn is_valid(key: &[u8], value: &[u8]) -> bool {
    let id = std::str::from_utf8(key)
        .ok()
        .and_then(|key| key.strip_prefix("/pangea/peer/"));
    let said = parse(value).ok().filter(Statement::is_current);
    matches!((id, said), (Some(id), Some(said)) if said.peer.to_string() == id)
}

/// Of two valid values the one with the greater sequence, then the one with the greater bytes.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let sequence = |value: &[u8]| parse(value).map(|said| said.sequence).unwrap_or(0);
    sequence(a).cmp(&sequence(b)).then_with(|| a.cmp(b))
}

/// A message of the topic: its author's word about itself.
pub(crate) fn is_valid_message(author: PeerId, data: &[u8]) -> bool {
    parse(data).is_ok_and(|said| said.peer == author && said.is_current())
}
