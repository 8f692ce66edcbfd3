// Generates src/rpc/schema/pangea.ts from schema/pangea.capnp. Needs Debian's `capnproto` (or any `capnp`), which nobody
// else needs: the result is committed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const scratch = mkdtempSync(join(tmpdir(), 'pangea-schema-'));
try {
  const done = spawnSync(join(root, 'node_modules', '.bin', 'capnp-es'), [`-ots:${scratch}`, `--src-prefix=${join(root, 'schema')}`, join(root, 'schema', 'pangea.capnp')], {
    encoding: 'utf8', env: { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` },
  });
  if (done.status !== 0) throw new Error(`capnp-es failed:\n${done.stdout}${done.stderr}`);
  const generated = readFileSync(join(scratch, 'pangea.ts'), 'utf8');
  // The file carries that struct itself; the package has no such module. Its style is not ours, so types are read, not checked.
  const text = generated.replace(/^import \{ StreamResult \} from "capnp-es\/capnp\/stream";\n/m, '');
  writeFileSync(join(root, 'src', 'rpc', 'schema', 'pangea.ts'), `// @ts-${'nocheck'}\n${text}`);
} finally {
  rmSync(scratch, { recursive: true });
}
