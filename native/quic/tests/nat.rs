//! A hole that was punched for libp2p lets shards through: two ends behind NATs of their own, in network namespaces.
//! Needs root, iproute2 and iptables; without them the test says so and checks nothing.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use libp2p::core::transport::{DialOpts, PortUse, Transport, TransportEvent};
use libp2p::core::{Endpoint as Role, Multiaddr};
use pangea_quic::{GuestLimits, shared_transport};
use support::{SOON, open, options};

const GUESTS: GuestLimits = GuestLimits { connections: 16, handshakes: 8, streams: 64, waiting: 8 };
const ROLE: &str = "PANGEA_TEST_NAT_END";

/// The public segment is a documentation network, since private addresses are not dialled without being allowed. Each
/// router masquerades, keeps ports where it can, and lets in what answers something only.
const TOPOLOGY: &str = r#"
set -e
ip netns add $P-pub; ip -n $P-pub link add br0 type bridge; ip -n $P-pub link set br0 up; ip -n $P-pub link set lo up
ip -n $P-pub addr add 198.51.100.1/24 dev br0
for side in a:1:2 b:2:3; do
  end=${side%%:*}; lan=10.77.$(echo $side | cut -d: -f2); wan=198.51.100.${side##*:}
  ip netns add $P-r$end; ip netns add $P-$end
  ip -n $P-r$end link add wan type veth peer name $end netns $P-pub
  ip -n $P-pub link set dev $end master br0 up
  ip -n $P-r$end link add lan type veth peer name eth0 netns $P-$end
  ip -n $P-r$end addr add $wan/24 dev wan; ip -n $P-r$end link set wan up
  ip -n $P-r$end addr add $lan.1/24 dev lan; ip -n $P-r$end link set lan up
  ip -n $P-$end addr add $lan.2/24 dev eth0; ip -n $P-$end link set eth0 up; ip -n $P-$end link set lo up
  ip -n $P-$end route add default via $lan.1
  ip netns exec $P-r$end sh -ec '
    echo 1 > /proc/sys/net/ipv4/ip_forward
    iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
    iptables -P FORWARD DROP
    iptables -A FORWARD -i lan -j ACCEPT
    iptables -A FORWARD -i wan -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
    iptables -A INPUT -i wan -j DROP'
done
"#;

/// Removed with all that is in them, however the test ends.
struct Namespaces(String);

impl Namespaces {
    /// `None` where the machine cannot have them.
    fn create() -> Option<Self> {
        let prefix = format!("pgq{}", std::process::id());
        let probe = "ip netns add $P-pub && ip netns exec $P-pub iptables -t nat -L -n; code=$?; ip netns del $P-pub; exit $code";
        if !Command::new("sh").args(["-c", probe]).env("P", &prefix).output().is_ok_and(|probe| probe.status.success())
        {
            return None;
        }
        let made = Self(prefix.clone());
        let done = Command::new("sh").args(["-c", TOPOLOGY]).env("P", &prefix).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Some(made)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in ["pub", "ra", "rb", "a", "b"] {
            let _ =
                Command::new("ip").args(["netns", "del", &format!("{}-{name}", self.0)]).stderr(Stdio::null()).status();
        }
    }
}

/// One end: this program again, inside a namespace.
struct End {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl End {
    fn start(namespaces: &Namespaces, name: &str, seed: u8) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new("ip")
            .args(["netns", "exec", &format!("{}-{name}", namespaces.0)])
            .arg(program)
            .args(["one_end", "--exact", "--ignored", "--nocapture"])
            .env(ROLE, seed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some(said) = line.split("END ").nth(1) {
                    let _ = sender.send(said.to_owned());
                }
            }
        });
        Self { input: child.stdin.take().unwrap(), child, lines }
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.input, "{command}").unwrap();
    }

    /// What follows the next line that begins so.
    fn hear(&self, beginning: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("no '{beginning}'"));
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_hole_punched_for_libp2p_lets_shards_through() {
    let Some(namespaces) = Namespaces::create() else {
        return eprintln!("not checked: root, iproute2 or iptables is missing, so there is no NAT to punch");
    };
    let [mut middle, mut a, mut b] =
        [("pub", 1), ("a", 2), ("b", 3)].map(|(name, seed)| End::start(&namespaces, name, seed));
    let [_, peer_a, _] = [&middle, &a, &b].map(|end| end.hear("ready"));
    // Each learns from the middle how its NAT shows it, as identify tells.
    let mut seen = Vec::new();
    for end in [&mut a, &mut b] {
        end.tell("dial /ip4/198.51.100.1/udp/9090/quic-v1");
        end.hear("connected");
        seen.push(middle.hear("arrived"));
    }
    let [at_a, at_b] = &seen[..] else { panic!("both were seen") };
    assert!(at_a.starts_with("/ip4/198.51.100.2/udp/"), "{at_a}");
    assert!(at_b.starts_with("/ip4/198.51.100.3/udp/"), "{at_b}");
    let shards_at_a = format!("198.51.100.2:{} {peer_a}", at_a.split('/').nth(4).unwrap());

    b.tell(&format!("shard {shards_at_a}"));
    assert_eq!(b.hear("shard"), "PEER_UNREACHABLE", "the NAT is closed");
    b.tell(&format!("wait {at_a}"));
    a.tell(&format!("dial {at_b}"));
    a.hear("connected");
    b.hear("connected");
    b.tell(&format!("shard {shards_at_a}"));
    assert_eq!(b.hear("shard"), "through", "the hole is there for both");
    middle.tell("");
}

/// Not a test by itself: what runs inside a namespace.
#[test]
#[ignore = "started by the other test"]
fn one_end() {
    let Ok(seed) = std::env::var(ROLE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(live(seed.parse().unwrap()));
}

async fn live(seed: u8) {
    let node = open(support::Options {
        bind: "0.0.0.0:9090".parse().unwrap(),
        allow: vec!["0.0.0.0/0".into()],
        ..options(seed)
    });
    let (lender, mut transport) = shared_transport(GUESTS);
    lender.lend(&node.endpoint).unwrap();
    println!("END ready {}", node.endpoint.local_peer());
    let (sender, mut commands) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || std::io::stdin().lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
    let (kept, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let mut connections = Vec::new();
    loop {
        tokio::select! {
            event = transport.select_next_some() => {
                if let TransportEvent::Incoming { upgrade, send_back_addr, .. } = event {
                    connections.push(upgrade.await.unwrap());
                    println!("END arrived {send_back_addr}");
                }
            }
            Some(connection) = arrivals.recv() => connections.push(connection),
            command = commands.recv() => {
                let Some(command) = command else { return };
                let words: Vec<&str> = command.split(' ').collect();
                match words[..] {
                    ["shard", address, peer] => {
                        let outcome = match node.endpoint.dial(address, Some(peer), Duration::from_secs(2)).await {
                            Ok(dialled) => {
                                let answer = node.echo(dialled.connection, Bytes::from_static(b"a shard")).await;
                                if &answer.body[..] == b"a shard" { "through" } else { "garbled" }
                            }
                            Err(error) => error.code(),
                        };
                        println!("END shard {outcome}");
                    }
                    [how @ ("dial" | "wait"), address] => {
                        let role = if how == "dial" { Role::Dialer } else { Role::Listener };
                        let options = DialOpts { role, port_use: PortUse::Reuse };
                        let dial = transport.dial(address.parse::<Multiaddr>().unwrap(), options).unwrap();
                        let kept = kept.clone();
                        tokio::spawn(async move {
                            match tokio::time::timeout(2 * SOON, dial).await {
                                Ok(Ok(connection)) => {
                                    let _ = kept.send(connection);
                                    println!("END connected");
                                }
                                other => println!("END failed {:?}", other.map(|dial| dial.map(drop))),
                            }
                        });
                    }
                    _ => {}
                }
            }
        }
    }
}
