import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PangeaError } from '../../src/errors/errors.ts';
import { createLogger, type LogLevel } from '../../src/telemetry/telemetry.ts';

function capture(level: LogLevel) {
  const lines: string[] = [];
  const logger = createLogger({ level, destination: { write: (line) => lines.push(line) } });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
}

test('one JSON object a line, with level, time and message', () => {
  const { logger, lines, last } = capture('info');
  logger.info({ peer: 'a', bytes: 5 }, 'stored');
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.endsWith('\n'));
  const { level, message, peer, bytes, time } = last();
  assert.deepEqual({ level, message, peer, bytes }, { level: 'info', message: 'stored', peer: 'a', bytes: 5 });
  assert.ok(!Number.isNaN(Date.parse(String(time))));
});

test('a level change holds for children that exist already', () => {
  const { logger, lines } = capture('warn');
  const child = logger.child({ part: 'store' });
  child.info({}, 'unheard');
  assert.equal(lines.length, 0);
  logger.setLevel('debug');
  child.debug({}, 'heard');
  assert.equal(lines.length, 1);
  assert.equal((JSON.parse(lines[0] ?? '') as { part: string }).part, 'store');
  logger.setLevel('silent');
  child.error({}, 'unheard');
  assert.equal(lines.length, 1);
});

test('secrets are hidden by name, by shape, in children, messages and errors', () => {
  const { logger, lines } = capture('debug');
  const link = 'pangea:1:abcdefghij234567';
  const ticket = 'pangea-ticket:1:zzzzyyyy2222';
  const child = logger.child({ link, masterSecret: 'hush-child' });
  child.error(
    {
      key: 'hush-key', objectKey: 'hush-object', phrase: 'hush words', nested: { list: [{ ticket: 'hush-ticket' }, link] },
      error: new PangeaError('WRONG_KEY', `cannot open ${link}`, { data: { secret: 'hush-data' }, cause: new Error(ticket) }),
      bytes: new Uint8Array([104, 117, 115, 104]),
      keys: 3,
    },
    `get ${link} with ${ticket}`,
  );
  const line = lines.join('');
  for (const secret of ['hush', 'abcdefghij', 'zzzzyyyy', '104']) assert.ok(!line.includes(secret), `${secret} in ${line}`);
  assert.match(line, /"keys":3/);
  assert.match(line, /"code":"WRONG_KEY"/);
  assert.match(line, /\[4 bytes\]/);
});

test('a cycle, a huge array and a deep tree end in a short line', () => {
  const { logger, lines } = capture('debug');
  const cycle: Record<string, unknown> = { many: Array.from({ length: 100_000 }, () => 7), text: 'x'.repeat(1e6) };
  cycle['self'] = cycle;
  logger.info(cycle, 'odd');
  assert.ok((lines[0]?.length ?? Infinity) < 100_000, `line of ${lines[0]?.length}`);
});

test('no value of any shape lets a link through or throws', () => {
  const { logger, lines } = capture('debug');
  const link = 'pangea:1:mfrggzdfmztwq2lk';
  fc.assert(
    fc.property(fc.object({ values: [fc.string(), fc.constant(link), fc.integer(), fc.constant(`a ${link} b`)], maxDepth: 4 }), (fields) => {
      lines.length = 0;
      logger.info(fields as Record<string, unknown>, link);
      assert.ok(!lines.join('').includes('mfrggzdfmztwq2lk'));
    }),
    { seed: 1, numRuns: 300 },
  );
});
