/**
 * What every transport between peers promises. A variant makes ends of one network; each end stands for a node.
 * Ends reach each other once `introduce` has told one the addresses of the other.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { bodyFrom, emptyBody } from '../../src/body/body.ts';
import { isPangeaError, type ErrorCode } from '../../src/errors/errors.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import {
  limits, status, type Answers, type Hello, type Reply, type Request, type RequestHandler, type Transport,
} from '../../src/transport/transport.ts';

export interface EndOptions {
  readonly hello?: Partial<Hello>;
  readonly onHello?: (peer: PeerId, hello: Hello) => boolean;
}

export interface End {
  readonly transport: Transport;
  /** Requests being served and waiting for an answer, where the variant can tell. */
  underWay?(): { serving: number; requesting: number };
  close(): Promise<void>;
}

export interface TransportVariant {
  makeEnd(options?: EndOptions): Promise<End>;
  /** A peer in a process of its own that never answers, and can be killed. Absent where peers have no addresses. */
  makeDoomed?(): Promise<Doomed>;
}

export interface Doomed {
  readonly peer: PeerId;
  readonly addresses: readonly string[];
  /** Dies without a word: no close frame, no answer. */
  kill(): Promise<void>;
}

export const hello: Hello = {
  label: 1, version: '0.1.0', quicAddresses: [], multiaddrs: [], certificate: new Uint8Array(), storing: true, freeBytes: 1000, failureDomain: '',
};

const root = new Uint8Array(32).fill(7);
const rejects = (promise: Promise<unknown>, ...codes: ErrorCode[]): Promise<void> =>
  assert.rejects(promise, (error) => codes.some((code) => isPangeaError(error, code)) || assert.fail(`${codes.join(' or ')} expected, not ${String(error)}`));

function put(body: Uint8Array): Extract<Request, { type: 'put' }> {
  return { type: 'put', object: root, stripe: 0, row: body.length % 12, identity: root, durability: 'fsync', repair: false };
}
const get: Extract<Request, { type: 'get' }> = { type: 'get', object: root, kind: 0, stripe: 0, row: 0, offset: 0, length: 0 };
const ping: Extract<Request, { type: 'ping' }> = { type: 'ping' };

/** Answers with the request's own content where it can. */
const echo: RequestHandler = async (_peer, request, body): Promise<Reply> => {
  const answer: { [T in Request['type']]: () => Answers[T] } = {
    put: () => ({ durability: 'fsync' }),
    get: () => ({ totalBytes: body.byteLength }),
    have: () => ({ known: true, deleted: false, masks: Uint16Array.of(1, 2, 3) }),
    stat: () => ({ liveBytes: 1, freeBytes: 2, objects: 3, label: 4 }),
    layout: () => ({ durability: 'memory', missing: [{ stripe: 1, row: 2 }] }),
    delete: () => ({ removedRecords: 5 }),
    ping: () => ({}),
    hello: () => ({ hello }),
  };
  return { status: status.ok, answer: answer[request.type](), body: request.type === 'get' ? body : emptyBody };
};

export function transportConformance(name: string, variant: () => TransportVariant): void {
  describe(`transport ${name}`, { timeout: 60_000 }, () => {
    let client: End;
    let server: End;
    let handler: RequestHandler = echo;
    const ends: End[] = [];

    const open = async (serve: RequestHandler = echo, options?: EndOptions): Promise<End> => {
      const end = await variant().makeEnd(options);
      ends.push(end);
      await end.transport.listen(serve);
      return end;
    };
    const introduce = (from: End, to: End): PeerId => {
      from.transport.setAddresses(to.transport.localPeer, to.transport.addresses());
      return to.transport.localPeer;
    };
    const idle = async (end: End): Promise<void> => {
      for (let waited = 0; end.underWay !== undefined && waited < 200; waited++) {
        const { serving, requesting } = end.underWay();
        if (serving === 0 && requesting === 0) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      if (end.underWay !== undefined) assert.deepEqual(end.underWay(), { serving: 0, requesting: 0 });
    };
    let peer: PeerId;

    before(async () => {
      server = await open((from, request, body) => handler(from, request, body));
      client = await open();
      peer = introduce(client, server);
    });
    after(async () => {
      await Promise.all(ends.map((end) => end.close()));
    });
    const serving = async (serve: RequestHandler, run: () => Promise<void>): Promise<void> => {
      handler = serve;
      try {
        await run();
      } finally {
        handler = echo;
      }
    };

    it('carries every message', async () => {
      const requests: Request[] = [
        put(new Uint8Array(3)), get, { type: 'have', root, firstStripe: 0, stripes: 3 }, { type: 'stat' }, ping,
        {
          type: 'layout', root, object: root, headerBytes: 1, pageBytes: [1], manifestBytes: 1, inline: [], slots: 1, durability: 'fsync',
          holders: Array.from({ length: 12 }, () => ''),
        },
        { type: 'delete', root, secret: root },
      ];
      for (const request of requests) {
        let seen: [PeerId, Request] | undefined;
        await serving(async (from, received, body) => {
          seen = [from, received];
          return echo(from, received, body);
        }, async () => {
          const reply = await client.transport.request(peer, request as typeof ping);
          assert.ok(reply.status === status.ok, request.type);
          const expected = await echo(peer, request, emptyBody);
          assert.deepEqual(reply.answer, expected.status === 0 && expected.answer);
          assert.deepEqual(seen, [client.transport.localPeer, request]);
          reply.body.release();
        });
      }
    });

    it('carries bodies of every size both ways, to the last byte', async () => {
      for (const size of [0, 1, 100, 2048, 2049, 65_536, 65_537, 1_048_576, 1_114_112, 1_114_113, 4 << 20, limits.bodyBytes]) {
        const bytes = randomBytes(size);
        const reply = await client.transport.request(peer, get, { body: bodyFrom(bytes) });
        assert.ok(reply.status === status.ok);
        assert.equal(reply.answer.totalBytes, size);
        assert.equal(Buffer.compare(reply.body.bytes(), bytes), 0, `${size} bytes`);
        reply.body.release();
      }
    });

    it('lets the caller release its body as soon as the request is under way', async () => {
      const bytes = randomBytes(100_000);
      const fresh = await open();
      introduce(fresh, server);
      const body = bodyFrom(Uint8Array.from(bytes));
      const pending = fresh.transport.request(peer, get, { body });
      body.release();
      const reply = await pending;
      assert.ok(reply.status === status.ok && Buffer.compare(reply.body.bytes(), bytes) === 0);
    });

    it('serves 200 requests at one time, each with its own answer', async () => {
      const replies = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
        const bytes = new Uint8Array(1000 + i).fill(i);
        const reply = await client.transport.request(peer, get, { body: bodyFrom(bytes) });
        return reply.status === status.ok && Buffer.compare(reply.body.bytes(), bytes) === 0;
      }));
      assert.equal(replies.filter(Boolean).length, 200);
      await idle(server);
    });

    it('answers with a status as a value', async () => {
      await serving(async () => ({ status: status.full, message: 'no room' }), async () => {
        assert.deepEqual(await client.transport.request(peer, put(root), { body: bodyFrom(root) }), { status: status.full, message: 'no room' });
      });
    });

    it('answers internal when the handler throws, and tells nothing more', async () => {
      await serving(async () => { throw new Error('secret'); }, async () => {
        const reply = await client.transport.request(peer, ping);
        assert.ok(reply.status === status.internal && !reply.message.includes('secret'));
      });
      assert.equal((await client.transport.request(peer, ping)).status, status.ok);
    });

    it('times out a request that is never answered, and leaks none', async () => {
      await serving(() => new Promise<Reply>(() => undefined), async () => {
        const body = bodyFrom(randomBytes(200_000));
        const requests = Array.from({ length: 50 }, () => rejects(client.transport.request(peer, put(root), { body, timeoutMs: 300 }), 'TIMEOUT'));
        await Promise.all(requests);
      });
      await idle(client);
      await idle(server);
      assert.equal((await client.transport.request(peer, ping)).status, status.ok);
    });

    it('keeps serving others while a handler holds its place', async () => {
      const held = Promise.withResolvers<void>();
      await serving(async (from, request, body) => {
        if (request.type === 'put') await held.promise;
        return echo(from, request, body);
      }, async () => {
        const body = bodyFrom(randomBytes(1 << 20));
        const slow = Array.from({ length: 40 }, () => client.transport.request(peer, put(root), { body }));
        assert.equal((await client.transport.request(peer, ping, { timeoutMs: 5000 })).status, status.ok);
        held.resolve();
        for (const reply of await Promise.all(slow)) assert.equal(reply.status, status.ok);
      });
      await idle(server);
    });

    it('gives up when the caller aborts, before and during the request', async () => {
      await rejects(client.transport.request(peer, ping, { signal: AbortSignal.abort() }), 'ABORTED');
      await serving(() => new Promise<Reply>(() => undefined), async () => {
        const abort = new AbortController();
        const pending = rejects(client.transport.request(peer, put(root), { body: bodyFrom(randomBytes(100_000)), signal: abort.signal }), 'ABORTED');
        setTimeout(() => abort.abort(), 50);
        await pending;
      });
      await idle(client);
      await idle(server);
    });

    it('refuses to send a body beyond the limit', async () => {
      await rejects(client.transport.request(peer, put(root), { body: bodyFrom(new Uint8Array(limits.bodyBytes + 1)) }), 'PROTOCOL');
    });

    it('says who is connected, once, and who has left', async () => {
      const news: string[] = [];
      const one = await open();
      const two = await open();
      one.transport.on({ connected: (p) => news.push(`+${p}`), disconnected: (p) => news.push(`-${p}`) });
      const other = introduce(one, two);
      assert.deepEqual(one.transport.connectedPeers(), []);
      await Promise.all(Array.from({ length: 5 }, () => one.transport.request(other, ping)));
      assert.deepEqual(one.transport.connectedPeers(), [other]);
      assert.deepEqual(two.transport.connectedPeers(), [one.transport.localPeer]);
      await one.transport.disconnect(other);
      assert.deepEqual(one.transport.connectedPeers(), []);
      assert.deepEqual(news, [`+${other}`, `-${other}`]);
    });

    it('uses a connection in both directions, and survives a dial from both sides at once', async () => {
      const one = await open();
      const two = await open();
      introduce(one, two);
      introduce(two, one);
      const replies = await Promise.all([
        ...Array.from({ length: 5 }, () => one.transport.request(two.transport.localPeer, ping)),
        ...Array.from({ length: 5 }, () => two.transport.request(one.transport.localPeer, ping)),
      ]);
      assert.ok(replies.every((reply) => reply.status === status.ok));
      const three = await open();
      introduce(three, one);
      assert.equal((await three.transport.request(one.transport.localPeer, ping)).status, status.ok);
      assert.equal((await one.transport.request(three.transport.localPeer, ping)).status, status.ok, 'without an address of its own');
    });

    it('connects to an address and says who answered', async () => {
      const stranger = await open();
      const [address = ''] = server.transport.addresses();
      assert.equal(await stranger.transport.connect(address), peer);
      assert.equal((await stranger.transport.request(peer, ping)).status, status.ok);
    });

    it('refuses a peer that a hello does not please, on either side', async () => {
      const seen: Hello[] = [];
      const picky = await open(echo, { onHello: (_peer, other) => seen.push(other) < 0 });
      const guest = await open(echo, { hello: { label: 42, version: '9.9.9' } });
      introduce(guest, picky);
      await rejects(guest.transport.request(picky.transport.localPeer, ping), 'PEER_REFUSED');
      assert.equal(seen[0]?.label, 42);
      assert.equal(seen[0]?.version, '9.9.9');
      assert.deepEqual(picky.transport.connectedPeers(), []);
      introduce(picky, server);
      await rejects(picky.transport.request(peer, ping), 'PEER_REFUSED');
      assert.equal((await client.transport.request(peer, ping)).status, status.ok);
    });

    it('fails for a peer without an address', async () => {
      const nobody = await variant().makeEnd();
      ends.push(nobody);
      await rejects(client.transport.request(nobody.transport.localPeer, ping, { timeoutMs: 5000 }), 'PEER_UNREACHABLE');
    });

    it('lets requests under way finish, then closes, and may be closed twice', async () => {
      const leaving = await open(async (from, request, body) => {
        await new Promise((resolve) => setTimeout(resolve, 150));
        return echo(from, request, body);
      });
      const target = introduce(client, leaving);
      assert.equal((await client.transport.request(target, ping)).status, status.ok);
      const last = client.transport.request(target, ping);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await Promise.all([leaving.transport.close(5000), leaving.transport.close(5000)]);
      assert.equal((await last).status, status.ok);
      await rejects(client.transport.request(target, ping, { timeoutMs: 4000 }), 'PEER_UNREACHABLE', 'TIMEOUT');
    });

    it('closes at the deadline though a handler never answers', async () => {
      const stuck = await open(() => new Promise<Reply>(() => undefined));
      const target = introduce(client, stuck);
      const pending = rejects(client.transport.request(target, ping, { timeoutMs: 10_000 }), 'PEER_UNREACHABLE', 'TIMEOUT');
      await new Promise((resolve) => setTimeout(resolve, 300));
      const started = performance.now();
      await stuck.transport.close(200);
      assert.ok(performance.now() - started < 3000);
      await pending;
    });

    if (variant().makeDoomed !== undefined) dialledTransport();

    function dialledTransport(): void {
      it('finds that somebody else answers', async () => {
        const other = await open();
        client.transport.setAddresses(other.transport.localPeer, server.transport.addresses().map((address) => address.replace(peer, other.transport.localPeer)));
        await rejects(client.transport.request(other.transport.localPeer, ping), 'PEER_MISMATCH');
      });

      it('reports a peer that is killed in the middle of a body', async () => {
        const doomed = await variant().makeDoomed?.();
        assert.ok(doomed !== undefined);
        client.transport.setAddresses(doomed.peer, doomed.addresses);
        const body = bodyFrom(randomBytes(4 << 20));
        const pending = Array.from({ length: 20 }, () =>
          rejects(client.transport.request(doomed.peer, put(root), { body, timeoutMs: 20_000 }), 'PEER_UNREACHABLE', 'TIMEOUT'));
        await new Promise((resolve) => setTimeout(resolve, 30));
        await doomed.kill();
        await Promise.all(pending);
        await idle(client);
        // The failed requests and the end of the connection are separate news, in either order.
        for (let tries = 0; tries < 100 && client.transport.connectedPeers().includes(doomed.peer); tries++) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        assert.ok(!client.transport.connectedPeers().includes(doomed.peer));
      });
    }
  });
}
