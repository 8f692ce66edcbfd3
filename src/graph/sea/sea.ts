/**
 * SEA, GUN's security: signatures, encryption, shared secrets, proof of work, certificates, users. Formats are SEA's to
 * the byte (`schema/graph-sea.md`); what it signs verifies there and the reverse.
 *
 * Promises: every field of a user's node is checked each time it comes in, whoever brings it; only what this
 * process writes itself is signed. Keys and passwords are in memory while somebody is logged in and in no message.
 * Never: a signature on remote data, a parser that throws out of remote data, an object's signature that fits another.
 */
export type { Lookup } from './access.ts';
export { createAuthor } from './author.ts';
export { certify, type CertifyOptions, type Policy, readCertificate, type Rule } from './certificate.ts';
export { decrypt, encrypt, secret } from './cipher.ts';
export { createSea, type Sea } from './gun-forms.ts';
export { createGuard, type GuardOptions } from './guard.ts';
export { generatePair, type Named, type Pair } from './keys.ts';
export { fieldText, ownerOf, plainValue, readPacked } from './packed.ts';
export { seaText, sign, unverified, verify } from './sign.ts';
export { type Identity, Session, type SessionOptions } from './session.ts';
export { type SessionStore, webSessionStore } from './session-store.ts';
export { type Acknowledged, createUser, type UserWords } from './user.ts';
export { Verifier } from './verifier.ts';
export { plainPeer } from './view.ts';
export { work, type WorkOptions } from './work.ts';
