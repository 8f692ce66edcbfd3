import { test } from 'node:test';
import { storeConformance } from '../conformance/store.ts';
import { diskPlace, native } from './places.ts';

const backend = native;
if (typeof backend === 'string') test('native: the shard store of the addon', { skip: backend }, () => undefined);
else storeConformance('native', (sizes) => diskPlace(backend, sizes));
