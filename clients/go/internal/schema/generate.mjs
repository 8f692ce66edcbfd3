// Generates pangea.capnp.go from schema/pangea.capnp. Needs `capnp` (Debian: capnproto) and Go, which nobody else needs:
// the result is committed, and schema.sha256 says of which schema it is.
//
// Go wants annotations that no other language wants, and its own copy of the standard files (Debian's stream.capnp names no
// Go package). So a copy of the schema is annotated; type ids follow from the file id and the names, so they stay.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const here = import.meta.dirname;
const module = join(here, '..', '..');
const library = 'capnproto.org/go/capnp/v3';
const version = 'v3.1.0-alpha.1';

const scratch = mkdtempSync(join(tmpdir(), 'pangea-go-schema-'));
try {
  const schema = readFileSync(join(module, '..', '..', 'schema', 'pangea.capnp'), 'utf8');
  const annotated = schema.replace(/^@0x[0-9a-f]+;$/m, (id) =>
    `${id}\nusing Go = import "/go.capnp";\n$Go.package("schema");\n$Go.import("pangea-node/clients/go/internal/schema");`);
  writeFileSync(join(scratch, 'pangea.capnp'), annotated);
  run('go', ['install', `${library}/capnpc-go@${version}`], { env: { ...process.env, GOBIN: scratch } });
  const standard = join(run('go', ['list', '-m', '-f', '{{.Dir}}', library], { cwd: module }).toString().trim(), 'std');
  const request = run('capnp', ['compile', '--no-standard-import', `-I${standard}`, '-o-', 'pangea.capnp'], { cwd: scratch });
  // Neither printed structs nor the schema itself are used: they would be a tenth of the code.
  run(join(scratch, 'capnpc-go'), ['-structstrings=false', '-schemas=false'], { cwd: scratch, input: request });
  copyFileSync(join(scratch, 'pangea.capnp.go'), join(here, 'pangea.capnp.go'));
  writeFileSync(join(here, 'schema.sha256'), `${createHash('sha256').update(schema).digest('hex')}\n`);
} finally {
  rmSync(scratch, { recursive: true });
}

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { maxBuffer: 2 ** 28, stdio: ['pipe', 'pipe', 'inherit'], ...options });
  if (done.error !== undefined) throw done.error;
  if (done.status !== 0) throw new Error(`${command} ${args[0]} ended with ${done.status}`);
  return done.stdout;
}
