import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { configurationManual, settingNames } from '../../src/config/config.ts';

const path = new URL('../../docs/configuration.md', import.meta.url);

test('docs/configuration.md says what the table says', () => {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, configurationManual());
  assert.equal(readFileSync(path, 'utf8'), configurationManual(), 'run UPDATE_DOCS=1 node --test test/config/manual.test.ts');
});

test('every setting has a section', () => {
  const manual = configurationManual();
  for (const name of settingNames) assert.match(manual, new RegExp(`^### ${name}$`, 'm'));
});
