import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeLines, encodeLines } from '../../src/control/record-lines.ts';

test('names of fields come through as they are, whatever was read before them', async () => {
  const given = [{ soul: 1, 'x\\': 1 }, { soul: 1, 'x\n': 1 }, { soul: 1, 'x"': 1 }, { soul: 1, 'x\u001b': 1 }];
  const read = [];
  for await (const value of decodeLines(encodeLines((async function* () { yield* given; })()), 1000)) read.push({ ...(value as object) });
  assert.deepEqual(read, given);
});

test('a line that is no JSON, too long, too deep or cut off is refused', async () => {
  for (const text of ['{\n', `"${'x'.repeat(100)}"\n`, `${'['.repeat(40)}${']'.repeat(40)}\n`, '1\n2']) {
    await assert.rejects(async () => {
      for await (const value of decodeLines((async function* () { yield Buffer.from(text); })(), 100)) void value;
    }, { code: 'PROTOCOL' }, text.slice(0, 50));
  }
});
