/** In the browser: gun.js as a member, asked over a WebSocket as others are asked over Node's channel. Loaded by `frame.html`. */
import { gunOperations, type MakeGun } from './gun-operations.ts';
import type { Operations } from './member.ts';

const { Gun, location } = globalThis as unknown as { Gun: MakeGun; location: { host: string; search: string } };
const operations = gunOperations(Gun, async () => ({ port: 0, options: {} }));
const socket = new WebSocket(`ws://${location.host}/control${location.search}`);

socket.addEventListener('message', ({ data }) => {
  const { id, op, argument } = JSON.parse(String(data)) as { id: number; op: keyof Operations; argument: never };
  void Promise.resolve()
    .then((): unknown => operations[op](argument))
    .then((reply) => ({ id, reply: reply ?? null }), (error: unknown) => ({ id, error: String(error) }))
    .then((answer) => socket.send(JSON.stringify(answer)));
});
