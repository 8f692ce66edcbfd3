import { test } from 'node:test';
import { createPortableCodec, createWasmCodec, loadWasm } from '../../src/codec/codec.ts';
import { codecConformance } from '../conformance/codec.ts';

const load = loadWasm();
if (!load.ok) test('codec wasm', { skip: load.reason }, () => undefined);
else codecConformance('wasm', () => ({ codec: createWasmCodec(load), peer: createPortableCodec() }));
