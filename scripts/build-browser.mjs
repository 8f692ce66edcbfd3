// Bundles the graph for web pages: `node scripts/build-browser.mjs [--out DIR] [--no-types]`, by default into dist/.
//   pangea-graph.js, .min.js   an ES module: import { openGraph } from './pangea-graph.js'
//   pangea-gun.js, .min.js     a plain script that sets Gun, GUN and SEA, in place of gun.js and sea.js
//   pangea-gun.mjs, .min.mjs   the same as a module: import Gun from './pangea-gun.mjs'
//   pangea-graph.d.ts, types/  what TypeScript shall know of it
// Each script has its source map beside it. Fails when anything of Node would be in them. Prints sizes, also as servers send them.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ allowNegative: true, options: { out: { type: 'string', default: join(root, 'dist') }, types: { type: 'boolean', default: true } } });
const out = resolve(values.out);

const bundles = [
  { name: 'pangea-graph', entry: 'src/graph/web.ts', format: 'esm', ending: 'js' },
  { name: 'pangea-gun', entry: 'src/graph/web-gun.ts', format: 'iife', ending: 'js' },
  { name: 'pangea-gun', entry: 'src/graph/gun/page.ts', format: 'esm', ending: 'mjs' },
];

mkdirSync(out, { recursive: true });
for (const { name, entry, format, ending } of bundles) {
  for (const minify of [false, true]) {
    const file = join(out, `${name}${minify ? '.min' : ''}.${ending}`);
    const { metafile } = await build({
      entryPoints: [join(root, entry)], outfile: file, bundle: true, format, minify, sourcemap: true, metafile: true, absWorkingDir: root,
      // With platform `browser` an import of Node's own modules is an error.
      platform: 'browser', target: ['es2022'], legalComments: 'none', logLevel: 'error',
    });
    const outside = Object.values(metafile.outputs).flatMap(({ imports }) => imports.filter(({ external }) => external).map(({ path }) => path));
    if (outside.length > 0) {
      process.stderr.write(`build-browser: ${file} imports ${outside.join(', ')}; a page has none of that\n`);
      process.exit(1);
    }
    const bytes = readFileSync(file);
    const kib = (length) => `${(length / 1024).toFixed(1)} KiB`;
    process.stdout.write(`${relative(process.cwd(), file)}: ${kib(bytes.length)}, gzip ${kib(gzipSync(bytes, { level: 9 }).length)}, brotli ${kib(brotliCompressSync(bytes).length)}\n`);
  }
}

if (values.types) {
  const project = join(out, 'types', 'tsconfig.json');
  mkdirSync(dirname(project), { recursive: true });
  writeFileSync(project, JSON.stringify({
    extends: join(root, 'tsconfig.json'), files: [join(root, 'src/graph/web.ts')], include: [],
    compilerOptions: {
      noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: join(out, 'types'), rootDir: join(root, 'src'),
      incremental: false, tsBuildInfoFile: null, typeRoots: [join(root, 'node_modules/@types')],
    },
  }));
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project], { stdio: 'inherit' });
  rmSync(project);
  if (status !== 0) process.exit(1);
  for (const name of ['pangea-graph.d.ts', 'pangea-graph.min.d.ts']) writeFileSync(join(out, name), "export * from './types/graph/web.ts';\n");
}
