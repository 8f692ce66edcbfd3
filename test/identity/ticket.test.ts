import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPangeaError } from '../../src/errors/errors.ts';
import { identityOfSeed, parseTicket } from '../../src/identity/identity.ts';
import { formatTicket } from '../../src/identity/ticket.ts';
import vector from '../vectors/ticket.json' with { type: 'json' };

const inviter = identityOfSeed(new Uint8Array(32).fill(1));
const ticket = {
  networkKey: identityOfSeed(new Uint8Array(32).fill(2)).publicKey,
  inviter: inviter.peerId,
  addresses: ['/ip4/192.0.2.7/tcp/9091', `/dns4/node.example/tcp/9091/p2p/${inviter.peerId}`],
  tokenId: new Uint8Array(16).fill(3),
  tokenSecret: new Uint8Array(32).fill(4),
  expiresMs: 1_800_000_000_000,
};
const text = formatTicket(ticket);

test('the text of a ticket never changes', () => {
  assert.equal(text, vector.text);
});

test('a ticket comes back whole, with the inviter at the end of each address', () => {
  const parsed = parseTicket(text);
  assert.deepEqual(parsed.networkKey, ticket.networkKey);
  assert.deepEqual(parsed.tokenId, ticket.tokenId);
  assert.deepEqual(parsed.tokenSecret, ticket.tokenSecret);
  assert.equal(parsed.expiresMs, ticket.expiresMs);
  assert.deepEqual(parsed.addresses, [
    `/ip4/192.0.2.7/tcp/9091/p2p/${inviter.peerId}`,
    `/dns4/node.example/tcp/9091/p2p/${inviter.peerId}`,
  ]);
});

test('it survives a mail program', () => {
  const wrapped = ` ${(text.match(/.{1,40}/g) ?? []).join('\r\n  ').toUpperCase()}\n`;
  assert.deepEqual(parseTicket(wrapped), parseTicket(text));
});

test('too many or too long addresses are left out', () => {
  const many = Array.from({ length: 20 }, (_, at) => (at === 0 ? `/dns4/${'x'.repeat(300)}` : `/ip4/10.0.0.${at}/tcp/1`));
  assert.equal(parseTicket(formatTicket({ ...ticket, addresses: many })).addresses.length, 8);
});

test('every cut and every changed letter is TICKET_INVALID', () => {
  for (let length = 0; length < text.length; length++) {
    assert.throws(() => parseTicket(text.slice(0, length)), { code: 'TICKET_INVALID' });
  }
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] === 'a' ? 'b' : 'a';
    assert.throws(() => parseTicket(text.slice(0, at) + letter + text.slice(at + 1)), { code: 'TICKET_INVALID' });
  }
});

test('any text is a ticket or TICKET_INVALID, and no message repeats it', () => {
  const letters = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567') });
  fc.assert(
    fc.property(fc.oneof(fc.string(), letters.map((tail) => `pangea-ticket:1:${tail}`), fc.string({ minLength: 5000, maxLength: 6000 })), (any) => {
      try {
        parseTicket(any);
        assert.fail('random text passed the checksum');
      } catch (error) {
        assert.ok(isPangeaError(error, 'TICKET_INVALID'), String(error));
      }
    }),
    { seed: 8, numRuns: 500 },
  );
});
