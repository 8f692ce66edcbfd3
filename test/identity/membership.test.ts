import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../../src/std/std.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { MemoryKv } from '../../src/kv/kv.ts';
import {
  createIdentity, finishJoin, initNetwork, joinRequest, joinRequestBytes, loadMembership, maxJoinAnswerBytes, ownerKeysOf, parseTicket,
  type Inviter, type Membership, type NodeIdentity,
} from '../../src/identity/identity.ts';
import { issueCertificate, parseCertificate } from '../../src/identity/certificate.ts';
import { keyPairOf } from '../../src/identity/keys.ts';
import { issueRevocation } from '../../src/identity/revocation.ts';
import { deriveKey } from './derive-key.ts';

const nowMs = 1_700_000_000_000;
const dayMs = 86_400_000;
const addresses = ['/ip4/127.0.0.1/tcp/9091', '/ip6/::1/tcp/9091'];
const scratch = await mkdtemp(join(tmpdir(), 'pangea-membership-'));
after(() => rm(scratch, { recursive: true }));
let count = 0;

interface Node {
  readonly directory: string;
  readonly identity: NodeIdentity;
  readonly storage: MemoryKv;
}

async function node(): Promise<Node> {
  const directory = join(scratch, `node-${count++}`);
  return { directory, identity: await createIdentity(directory), storage: new MemoryKv() };
}

async function network(seed = 1): Promise<Node & { membership: Membership; inviter: Inviter }> {
  const made = await node();
  const owner = ownerKeysOf(new Uint8Array(32).fill(seed), deriveKey);
  await initNetwork({ ...made, owner, deriveKey, nowMs });
  const membership = await loadMembership({ ...made, owner });
  assert.ok(membership?.inviter);
  return { ...made, membership, inviter: membership.inviter };
}

async function join1(host: { inviter: Inviter }, joiner: Node, ticketText: string, atMs = nowMs): Promise<Membership> {
  const ticket = parseTicket(ticketText);
  const request = joinRequest(ticket, joiner.identity.publicKey);
  assert.equal(request.length, joinRequestBytes);
  const answer = await host.inviter.handleJoin(joiner.identity.peerId, request, atMs);
  assert.ok(answer.length <= maxJoinAnswerBytes);
  await finishJoin({ ...joiner, ticket, request, answer, nowMs: atMs });
  const membership = await loadMembership({ ...joiner, owner: undefined });
  assert.ok(membership);
  return membership;
}

const ticketOf = (host: { inviter: Inviter }, uses = 1, expiresMs = nowMs + dayMs): Promise<string> =>
  host.inviter.createTicket({ addresses, uses, expiresMs, nowMs });

test('init, invite, join: both admit each other and nobody else', async () => {
  const host = await network();
  assert.equal(host.membership.canInvite, true);
  const guest = await node();
  assert.equal(await loadMembership({ ...guest, owner: undefined }), undefined);
  const membership = await join1(host, guest, await ticketOf(host));
  assert.equal(membership.canInvite, false);
  assert.equal(membership.inviter, undefined);
  assert.equal(membership.networkId, host.membership.networkId);
  assert.deepEqual(membership.discoverySecret, host.membership.discoverySecret);
  assert.ok(host.membership.admits(guest.identity.peerId, membership.certificate, nowMs));
  assert.ok(membership.admits(host.identity.peerId, host.membership.certificate, nowMs));
  const stranger = await network(2);
  assert.ok(!membership.admits(stranger.identity.peerId, stranger.membership.certificate, nowMs));
  assert.ok(!membership.admits(stranger.identity.peerId, membership.certificate, nowMs), 'a stolen certificate');
  assert.ok(!membership.admits(guest.identity.peerId, membership.certificate, nowMs - dayMs), 'too early');
  assert.ok(!membership.admits(guest.identity.peerId, membership.certificate, nowMs + 4000 * dayMs), 'too late');
});

test('a ticket has so many uses; the same node asking again spends none', async () => {
  const host = await network();
  const ticket = await ticketOf(host, 2);
  const first = await node();
  const one = await join1(host, first, ticket);
  const again = await join1(host, first, ticket);
  assert.deepEqual(again.certificate, one.certificate);
  await join1(host, await node(), ticket);
  await assert.rejects(join1(host, await node(), ticket), { code: 'PEER_REFUSED', message: /used up/ });
});

test('many joins at one time spend exactly the uses there are', async () => {
  const host = await network();
  const ticket = await ticketOf(host, 3);
  const joiners = await Promise.all(Array.from({ length: 8 }, () => node()));
  const results = await Promise.allSettled(joiners.map((joiner) => join1(host, joiner, ticket)));
  assert.equal(results.filter((one) => one.status === 'fulfilled').length, 3);
});

test('an expired, unknown or foreign ticket is refused with the reason that its holder may know', async () => {
  const host = await network();
  const ticket = await ticketOf(host, 1, nowMs + 1000);
  await assert.rejects(join1(host, await node(), ticket, nowMs + 2000), { code: 'PEER_REFUSED', message: /expired/ });
  const guest = await node();
  const parsed = parseTicket(ticket);
  const forged = joinRequest({ ...parsed, tokenSecret: new Uint8Array(32) }, guest.identity.publicKey);
  const refused = await host.inviter.handleJoin(guest.identity.peerId, forged, nowMs);
  await assert.rejects(finishJoin({ ...guest, ticket: parsed, request: forged, answer: refused, nowMs }), { code: 'PEER_REFUSED', message: /does not know/ });
  const other = await network(3);
  await assert.rejects(join1(other, await node(), ticket), { code: 'PEER_REFUSED' });
});

test('a proof is worth nothing from another peer', async () => {
  const host = await network();
  const [victim, thief] = [await node(), await node()];
  const ticket = parseTicket(await ticketOf(host));
  const request = joinRequest(ticket, victim.identity.publicKey);
  const answer = await host.inviter.handleJoin(thief.identity.peerId, request, nowMs);
  await assert.rejects(finishJoin({ ...thief, ticket, request, answer, nowMs }), { code: 'PEER_REFUSED' });
  const replaced = request.slice();
  replaced.set(thief.identity.publicKey, 37);
  const second = await host.inviter.handleJoin(thief.identity.peerId, replaced, nowMs);
  await assert.rejects(finishJoin({ ...thief, ticket, request: replaced, answer: second, nowMs }), { code: 'PEER_REFUSED' });
});

test('an answer for another request, node or network is not taken', async () => {
  const host = await network();
  const [guest, other] = [await node(), await node()];
  const ticket = parseTicket(await ticketOf(host, 5));
  const request = joinRequest(ticket, guest.identity.publicKey);
  const answer = await host.inviter.handleJoin(guest.identity.peerId, request, nowMs);
  const later = joinRequest(ticket, guest.identity.publicKey);
  await assert.rejects(finishJoin({ ...guest, ticket, request: later, answer, nowMs }), { code: 'PROTOCOL', message: /another request/ });
  await assert.rejects(finishJoin({ ...other, ticket, request, answer, nowMs }), { code: 'PROTOCOL' });
  const foreign = { ...ticket, networkKey: keyPairOf(new Uint8Array(32).fill(9)).publicKey };
  await assert.rejects(finishJoin({ ...guest, ticket: foreign, request, answer, nowMs }), { code: 'PROTOCOL' });
  assert.equal(await loadMembership({ ...guest, owner: undefined }), undefined);
  await finishJoin({ ...guest, ticket, request, answer, nowMs });
});

test('a directory stays in its network, and is not taken for another node', async () => {
  const [host, other] = [await network(), await network(2)];
  const guest = await node();
  await join1(host, guest, await ticketOf(host));
  await assert.rejects(join1(other, guest, await ticketOf(other)), { code: 'KEY_FILE_EXISTS', message: /another data directory/ });
  await assert.rejects(initNetwork({ ...guest, owner: ownerKeysOf(new Uint8Array(32), deriveKey), deriveKey, nowMs }), { code: 'KEY_FILE_EXISTS' });
  const thief = await node();
  await cp(join(guest.directory, 'network.key'), join(thief.directory, 'network.key'));
  await assert.rejects(loadMembership({ ...thief, owner: undefined }), { code: 'STORE_FOREIGN' });
  const bare = join(scratch, 'bare');
  await mkdir(bare);
  await cp(join(guest.directory, 'network.key'), join(bare, 'network.key'));
  await assert.rejects(createIdentity(bare), { code: 'STORE_FOREIGN' });
});

test('revocation ends a membership here at once, elsewhere by the list, and after a restart', async () => {
  const host = await network();
  const [guest, witness] = [await node(), await node()];
  const ticket = await ticketOf(host, 5);
  const guestMembership = await join1(host, guest, ticket);
  const witnessMembership = await join1(host, witness, ticket);
  const ended: string[] = [];
  witnessMembership.onRevoked((peer) => ended.push(peer));
  await host.inviter.revoke(guest.identity.peerId, nowMs);
  await host.inviter.revoke(guest.identity.peerId, nowMs);
  assert.ok(host.membership.isRevoked(guest.identity.peerId));
  assert.ok(!host.membership.admits(guest.identity.peerId, guestMembership.certificate, nowMs));
  assert.ok(witnessMembership.admits(guest.identity.peerId, guestMembership.certificate, nowMs));
  assert.equal(await witnessMembership.learnRevocations(host.membership.revocations()), 1);
  assert.equal(await witnessMembership.learnRevocations(host.membership.revocations()), 0);
  assert.deepEqual(ended, [guest.identity.peerId]);
  assert.ok(!witnessMembership.admits(guest.identity.peerId, guestMembership.certificate, nowMs));
  const restarted = await loadMembership({ ...witness, owner: undefined });
  assert.ok(restarted && !restarted.admits(guest.identity.peerId, guestMembership.certificate, nowMs));
  assert.deepEqual(restarted.revocations(), host.membership.revocations());
  await assert.rejects(join1(host, guest, ticket), { code: 'PEER_REFUSED', message: /revoked/ });
  await assert.rejects(host.inviter.revoke(host.identity.peerId, nowMs), { code: 'USAGE' });
});

test('only the network key can revoke', async () => {
  const host = await network();
  const guest = await node();
  const membership = await join1(host, guest, await ticketOf(host));
  const stranger = keyPairOf(new Uint8Array(32).fill(8));
  const foreign = issueRevocation(stranger, host.identity.publicKey, nowMs);
  const forged = issueRevocation({ publicKey: keyPairOf(ownerKeysOf(new Uint8Array(32).fill(1), deriveKey).networkSeed).publicKey, sign: stranger.sign }, host.identity.publicKey, nowMs);
  for (const record of [foreign, forged]) {
    const list = new Uint8Array([1, 0, ...record]);
    await assert.rejects(membership.learnRevocations(list), { code: 'PROTOCOL' });
  }
  assert.ok(membership.admits(host.identity.peerId, host.membership.certificate, nowMs));
});

test('open tickets are bounded and expired ones make room', async () => {
  const host = await network();
  await assert.rejects(ticketOf(host, 0), { code: 'USAGE' });
  await assert.rejects(ticketOf(host, 70_000), { code: 'USAGE' });
  for (let at = 0; at < 128; at++) await ticketOf(host, 1, nowMs + 1000);
  await assert.rejects(ticketOf(host), { code: 'USAGE', message: /128 tickets/ });
  await host.inviter.createTicket({ addresses, uses: 1, expiresMs: nowMs + dayMs, nowMs: nowMs + 2000 });
  let left = 0;
  for await (const entry of host.storage.entries('membership/token/')) left += entry.length / 2;
  assert.equal(left, 1);
});

test('hostile bytes end in PROTOCOL or a refusal, whatever is changed', async () => {
  const host = await network();
  const guest = await node();
  const ticket = parseTicket(await ticketOf(host, 60_000));
  const request = joinRequest(ticket, guest.identity.publicKey);
  const answer = await host.inviter.handleJoin(guest.identity.peerId, request, nowMs);
  const certificate = host.membership.certificate;
  await host.inviter.revoke((await node()).identity.peerId, nowMs);
  const list = host.membership.revocations();
  const damaged = (bytes: Uint8Array) => fc.oneof(
    fc.uint8Array({ maxLength: bytes.length + 8 }),
    fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => bytes.with(at, (bytes[at] ?? 0) ^ flip)),
    fc.nat({ max: bytes.length - 1 }).map((length) => bytes.slice(0, length)),
  );
  const onlyProtocol = async (run: () => Promise<unknown>): Promise<unknown> => {
    try {
      return await run();
    } catch (error) {
      assert.ok(isPangeaError(error, 'PROTOCOL') || isPangeaError(error, 'PEER_REFUSED'), String(error));
      return undefined;
    }
  };
  await fc.assert(
    fc.asyncProperty(damaged(request), damaged(answer), damaged(certificate), damaged(list), async (badRequest, badAnswer, badCertificate, badList) => {
      const reply = await onlyProtocol(() => host.inviter.handleJoin(guest.identity.peerId, badRequest, nowMs));
      // A flipped challenge or proof never proves the token.
      if (reply instanceof Uint8Array) assert.equal(reply.length, 22);
      await onlyProtocol(() => finishJoin({ ...guest, ticket, request, answer: badAnswer, nowMs }));
      assert.equal(host.membership.admits(host.identity.peerId, badCertificate, nowMs), false);
      await onlyProtocol(() => host.membership.learnRevocations(badList));
    }),
    { seed: 7, numRuns: 400 },
  );
});

test('a certificate carries what it was issued for', () => {
  const pair = keyPairOf(new Uint8Array(32).fill(1));
  const subject = keyPairOf(new Uint8Array(32).fill(2)).publicKey;
  const certificate = parseCertificate(issueCertificate(pair, { key: subject, role: 'owner', nowMs, lifetimeMs: 5 }));
  assert.equal(toHex(certificate.subjectKey), toHex(subject));
  assert.deepEqual(
    { role: certificate.role, from: certificate.notBeforeMs, to: certificate.notAfterMs },
    { role: 'owner', from: nowMs, to: nowMs + 5 },
  );
});
