/** Serves the probe for programs in other languages: `node test/rpc/engine/serve.ts native|wasm`. Prints the port; ends with its input. */
import { openNativeEngine, openWasmEngine } from '../../../src/rpc/engine/engine.ts';
import { serveProbes } from './probe.ts';

const { port } = await serveProbes(process.argv[2] === 'wasm' ? openWasmEngine() : openNativeEngine());
process.stdout.write(`${port}\n`);
process.stdin.on('end', () => process.exit()).resume();
