/**
 * A public segment with a relay, and two private networks behind routers that translate addresses.
 *
 *   relay 20.0.0.10 ──┐
 *                     ├── 20.0.0.0/24 ──┬── router a 20.0.0.1 ── 192.168.1.0/24 ── node a 192.168.1.2
 *                     ┘                 └── router b 20.0.0.2 ── 192.168.2.0/24 ── node b 192.168.2.2
 *
 * Needs root, iproute2 and iptables. The addresses are public ones, so that no rule about private networks applies.
 */
import { execFileSync, spawnSync } from 'node:child_process';

/**
 * `open`: no router, the node stands in the public segment. `cone`: the port that a node sends from is kept towards
 * everybody, and only those it sent to get in (port-restricted). `symmetric`: another random port for each destination.
 */
export const natKinds = ['open', 'cone', 'symmetric'] as const;
export type NatKind = (typeof natKinds)[number];
export type Place = 'relay' | 'a' | 'b';

const names = (run: string): Record<'wan' | 'relay' | 'a' | 'b' | 'routerA' | 'routerB', string> => ({
  wan: `${run}w`, relay: `${run}r`, a: `${run}a`, b: `${run}b`, routerA: `${run}x`, routerB: `${run}y`,
});
let runs = 0;

export class NatTopology {
  readonly addresses: Readonly<Record<Place, string>>;
  readonly #names: ReturnType<typeof names>;
  readonly #onExit = (): void => this.remove();

  constructor(a: NatKind, b: NatKind) {
    this.#names = names(`pgn${process.pid}-${runs++}`);
    this.addresses = {
      relay: '20.0.0.10',
      a: a === 'open' ? '20.0.0.11' : '192.168.1.2',
      b: b === 'open' ? '20.0.0.12' : '192.168.2.2',
    };
    process.once('exit', this.#onExit);
    try {
      this.#build(a, b);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** The command that runs a program there. */
  inside(place: Place): readonly string[] {
    return ['ip', 'netns', 'exec', this.#names[place]];
  }

  /** The router of a private network, where a gateway's program can run. */
  insideRouter(side: 'a' | 'b'): readonly string[] {
    return ['ip', 'netns', 'exec', side === 'a' ? this.#names.routerA : this.#names.routerB];
  }

  /** Safe to repeat, and after half a build. What still runs inside is killed. */
  remove(): void {
    process.removeListener('exit', this.#onExit);
    for (const name of Object.values(this.#names)) {
      const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout;
      for (const pid of pids.split('\n').filter(Boolean)) spawnSync('kill', ['-9', pid], { stdio: 'ignore' });
    }
    for (const name of Object.values(this.#names)) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  }

  #build(a: NatKind, b: NatKind): void {
    const { wan, relay } = this.#names;
    for (const name of Object.values(this.#names)) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    ip('-n', wan, 'link', 'add', 'bridge', 'type', 'bridge');
    ip('-n', wan, 'link', 'set', 'bridge', 'up');
    this.#plug(relay, 'p0', 'wan0', this.addresses.relay);
    this.#side(a, this.#names.a, this.#names.routerA, 'p1', this.addresses.a, '20.0.0.1', '192.168.1.1');
    this.#side(b, this.#names.b, this.#names.routerB, 'p2', this.addresses.b, '20.0.0.2', '192.168.2.1');
  }

  #side(kind: NatKind, node: string, router: string, port: string, address: string, outside: string, inside: string): void {
    if (kind === 'open') return this.#plug(node, port, 'wan0', address);
    this.#plug(router, port, 'wan0', outside);
    ip('link', 'add', 'lan0', 'netns', router, 'type', 'veth', 'peer', 'name', 'lan0', 'netns', node);
    ip('-n', router, 'addr', 'add', `${inside}/24`, 'dev', 'lan0');
    ip('-n', router, 'link', 'set', 'lan0', 'up');
    ip('-n', node, 'addr', 'add', `${address}/24`, 'dev', 'lan0');
    ip('-n', node, 'link', 'set', 'lan0', 'up');
    ip('-n', node, 'route', 'add', 'default', 'via', inside);
    const run = (...command: readonly string[]): void => void execFileSync('ip', ['netns', 'exec', router, ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
    run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    const random = kind === 'symmetric' ? ['--random-fully'] : [];
    run('iptables', '-t', 'nat', '-A', 'POSTROUTING', '-o', 'wan0', '-j', 'MASQUERADE', ...random);
    // A router says nothing to who was not asked: a refusal would end the other side's attempt, and an answer would
    // take the mapping that the punch needs.
    run('iptables', '-A', 'INPUT', '-i', 'wan0', '-m', 'conntrack', '--ctstate', 'NEW,INVALID', '-j', 'DROP');
    run('iptables', '-A', 'FORWARD', '-i', 'wan0', '-m', 'conntrack', '--ctstate', 'NEW,INVALID', '-m', 'conntrack', '!', '--ctstate', 'DNAT', '-j', 'DROP');
  }

  #plug(name: string, port: string, device: string, address: string): void {
    const { wan } = this.#names;
    ip('link', 'add', port, 'netns', wan, 'type', 'veth', 'peer', 'name', device, 'netns', name);
    ip('-n', wan, 'link', 'set', port, 'master', 'bridge', 'up');
    ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', device);
    ip('-n', name, 'link', 'set', device, 'up');
  }
}

/** Why there can be no such networks here, or `undefined`. */
export function natObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const tool of ['ip', 'iptables']) if (spawnSync(tool, ['-V']).error) return `needs ${tool}`;
  let topology: NatTopology | undefined;
  try {
    topology = new NatTopology('cone', 'symmetric');
    return undefined;
  } catch (error) {
    return `networks with address translation cannot be made here: ${String(error).split('\n')[0]}`;
  } finally {
    topology?.remove();
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
