//! Who may connect: a set of CIDR blocks, and counters of what it passed and dropped.
//!
//! No I/O. The QUIC and libp2p listeners ask [`AllowList::permits`] with the source address of every
//! connection before they answer it; `src/firewall` decides by the same rules in TypeScript, and
//! both are held together by `test/vectors/firewall.json`.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use parking_lot::RwLock;

/// Longest list that is taken: a linear walk over it costs some microseconds a connection.
pub const MAX_BLOCKS: usize = 4096;

/// A shared list: clones see the same blocks and count into the same counters.
#[derive(Clone, Debug)]
pub struct AllowList {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    blocks: RwLock<Vec<IpNet>>,
    allowed: AtomicU64,
    denied: AtomicU64,
}

impl AllowList {
    /// Takes addresses and CIDR blocks (`10.0.0.0/8`, `::1`). The error names the first entry that is neither.
    pub fn new(blocks: &[String]) -> Result<Self, String> {
        let blocks = parse_all(blocks)?;
        let shared = Shared { blocks: RwLock::new(blocks), allowed: AtomicU64::new(0), denied: AtomicU64::new(0) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Decides and counts. An IPv4-mapped IPv6 address is judged as the IPv4 address it carries.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        let permitted = self.contains(address);
        let counter = if permitted { &self.shared.allowed } else { &self.shared.denied };
        counter.fetch_add(1, Ordering::Relaxed);
        permitted
    }

    /// Decides without counting: for addresses that are about to be dialled.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.shared.blocks.read().iter().any(|block| block.contains(&address))
    }

    /// Replaces the blocks for all clones; on an error nothing changes. Counters go on.
    pub fn replace(&self, blocks: &[String]) -> Result<(), String> {
        let blocks = parse_all(blocks)?;
        *self.shared.blocks.write() = blocks;
        Ok(())
    }

    /// Connections (allowed, denied) since the list was made.
    #[must_use]
    pub fn counters(&self) -> (u64, u64) {
        (self.shared.allowed.load(Ordering::Relaxed), self.shared.denied.load(Ordering::Relaxed))
    }

    /// The blocks, normalised.
    #[must_use]
    pub fn blocks(&self) -> Vec<IpNet> {
        self.shared.blocks.read().clone()
    }
}

fn parse_all(entries: &[String]) -> Result<Vec<IpNet>, String> {
    if entries.len() > MAX_BLOCKS {
        return Err(format!("{} entries, at most {MAX_BLOCKS} are taken", entries.len()));
    }
    entries.iter().map(|entry| parse(entry)).collect()
}

/// An address or a CIDR block, host bits cleared, IPv4-mapped blocks as IPv4.
fn parse(entry: &str) -> Result<IpNet, String> {
    let refuse = || format!("'{entry}' is neither an IP address nor a CIDR block");
    let (address, prefix) = match entry.split_once('/') {
        Some((address, prefix)) => {
            let digits = !prefix.is_empty() && prefix.len() <= 3 && prefix.bytes().all(|byte| byte.is_ascii_digit());
            let padded = prefix.len() > 1 && prefix.starts_with('0');
            if !digits || padded {
                return Err(refuse());
            }
            (address, Some(prefix.parse::<u8>().map_err(|_| refuse())?))
        }
        None => (entry, None),
    };
    let block = match address.parse::<IpAddr>().map_err(|_| refuse())? {
        IpAddr::V4(v4) => Ipv4Net::new(v4, prefix.unwrap_or(32)).map(IpNet::V4),
        IpAddr::V6(v6) => match (v6.to_ipv4_mapped(), prefix.unwrap_or(128)) {
            (Some(v4), bits @ 96..=128) => Ipv4Net::new(v4, bits - 96).map(IpNet::V4),
            (_, bits) => Ipv6Net::new(v6, bits).map(IpNet::V6),
        },
    };
    Ok(block.map_err(|_| refuse())?.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(blocks: &[&str]) -> Result<AllowList, String> {
        AllowList::new(&blocks.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn agrees_with_the_shared_vectors() {
        let text = include_str!("../../../test/vectors/firewall.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        let strings = |value: &serde_json::Value| -> Vec<String> {
            value.as_array().unwrap().iter().map(|entry| entry.as_str().unwrap().to_owned()).collect()
        };
        for entry in vectors["normalised"].as_array().unwrap() {
            let entry = strings(entry);
            assert_eq!(parse(&entry[0]).unwrap().to_string(), entry[1], "{}", entry[0]);
        }
        for entry in strings(&vectors["refused"]) {
            assert!(parse(&entry).is_err(), "{entry} must be refused");
        }
        for case in vectors["decisions"].as_array().unwrap() {
            let list = AllowList::new(&strings(&case["allow"])).unwrap();
            for address in strings(&case["allowed"]) {
                assert!(list.permits(address.parse().unwrap()), "{address} by {}", case["allow"]);
            }
            for address in strings(&case["denied"]) {
                assert!(!list.permits(address.parse().unwrap()), "{address} by {}", case["allow"]);
            }
            let expected = (strings(&case["allowed"]).len() as u64, strings(&case["denied"]).len() as u64);
            assert_eq!(list.counters(), expected);
        }
    }

    #[test]
    fn clones_share_blocks_and_counters() {
        let first = list(&["127.0.0.0/8"]).unwrap();
        let second = first.clone();
        let address: IpAddr = "10.1.2.3".parse().unwrap();
        assert!(!first.permits(address));
        second.replace(&["10.0.0.0/8".into()]).unwrap();
        assert!(first.permits(address));
        assert_eq!(second.counters(), (1, 1));
        assert!(first.contains(address));
        assert_eq!(first.counters(), (1, 1), "contains does not count");
    }

    #[test]
    fn a_refused_replacement_changes_nothing() {
        let list = list(&["127.0.0.1"]).unwrap();
        assert!(list.replace(&["10.0.0.0/8".into(), "nonsense".into()]).is_err());
        assert!(list.contains("127.0.0.1".parse().unwrap()));
        assert!(!list.contains("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn the_list_is_bounded() {
        let many = vec!["10.0.0.1".to_owned(); MAX_BLOCKS + 1];
        assert!(AllowList::new(&many).is_err());
        assert!(AllowList::new(&many[1..]).is_ok());
    }
}
