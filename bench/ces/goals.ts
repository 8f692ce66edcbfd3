/** Which ratios are told, what they compare, and what they should reach. */
import { type Cell, type Sizes, textLevel, workloadOf } from './cells.ts';
import { inSequence, type MissingRatio, type Pair, type Rates, type Ratio, ratioOf } from './ratios.ts';

/** Rates of a cell; it notes the cell when it plans, and answers from the results when all is measured. */
type Look = (cell: Cell) => Rates;

export interface Bench {
  readonly sizes: Sizes;
  /** Whether ratios are held against their goals: not in the smallest size, where they say nothing. */
  readonly judged: boolean;
  readonly cores: number;
}

interface Goal {
  readonly goal: number | null;
  readonly how: string;
  pairs(look: Look, bench: Bench): Pair[];
}

/** Shards of identities that a stripe hashes, for each data shard: 12 of 8. */
const hashedPerData = 1.5;

const cell = (subject: string, op: Cell['op'], bytes: number, more: Partial<Cell> = {}): Cell => ({ subject, op, bytes, data: 'random', threads: 1, ...more });

/** The same work at both shard sizes. */
function atBothSizes(op: Cell['op'], ours: [string, Partial<Cell>?], rival: [string, Partial<Cell>?]): Goal['pairs'] {
  return (look, { sizes }) => [sizes.small, sizes.large].map((bytes) => {
    const mine = cell(ours[0], op, bytes, ours[1]);
    return { what: workloadOf(mine), ours: look(mine), rival: look(cell(rival[0], op, bytes, rival[1])) };
  });
}

/** As many bytes by our two ways to cut and by the rival's one. */
function blocks(rival: string, ours: Partial<Cell>, theirs: Partial<Cell> = ours): Goal['pairs'] {
  return (look, { sizes }) => (['whole-encode', 'stripe-encode'] as const).map((op) => {
    const mine = cell('native', op, sizes.block, ours);
    return { what: workloadOf(mine), ours: look(mine), rival: look(cell(rival, 'whole-encode', sizes.block, theirs)) };
  });
}

const text = { data: 'text', level: textLevel } as const;

export const goals: Readonly<Record<string, Goal>> = {
  rsEncodeVsKlauspost: { goal: 1.1, how: 'one thread, lower of both shard sizes', pairs: atBothSizes('rs-encode', ['native'], ['klauspost']) },
  rsDecodeVsKlauspost: { goal: 1.0, how: 'data rows 0–3 lost, one thread, lower of both shard sizes', pairs: atBothSizes('rs-decode', ['native'], ['klauspost']) },
  rsEncodeVsIsal: { goal: 3, how: "Debian's libisal, one thread, lower of both shard sizes", pairs: atBothSizes('rs-encode', ['native'], ['isal-debian']) },
  rsDecodeVsIsal: { goal: 2.5, how: "Debian's libisal, data rows 0–3 lost, one thread, lower of both shard sizes", pairs: atBothSizes('rs-decode', ['native'], ['isal-debian']) },
  rsEncodeVsIsalGfni: { goal: 1.4, how: 'newer ISA-L built with GFNI, one thread, lower of both shard sizes', pairs: atBothSizes('rs-encode', ['native'], ['isal']) },
  rsAvx2VsIsalAvx2: {
    goal: 1.0, how: "our avx2 kernel over Debian's ISA-L with its AVX2 function, one thread, lower of both shard sizes",
    pairs: atBothSizes('rs-encode', ['native', { kernel: 'avx2' }], ['isal-debian', { kernel: 'avx2' }]),
  },
  rsWasmVsAvx2: { goal: 0.3, how: 'WebAssembly with SIMD128 over our native avx2 kernel, one thread, lower of both shard sizes', pairs: atBothSizes('rs-encode', ['wasm'], ['native', { kernel: 'avx2' }]) },
  sealVsAwsLc: { goal: 1.25, how: 'XChaCha20-Poly1305 of pieces, aws-lc with HChaCha20, one thread, lower of both sizes', pairs: atBothSizes('seal', ['native'], ['aws-lc']) },
  pipelineVsStageSum: {
    goal: 0.85, how: 'stripe-encode of 8 random segments over store, seal, hash (12 of 8 shards) and rs-encode one after the other, each alone over the same bytes; one thread',
    pairs: (look, { sizes }) => {
      const mine = cell('native', 'stripe-encode', sizes.block);
      const stage = (op: Cell['op'], weight: number): { rates: Rates; weight: number } => ({ rates: look(cell('native', op, op === 'rs-encode' ? sizes.large : sizes.block)), weight });
      return [{ what: workloadOf(mine), ours: look(mine), rival: inSequence([stage('store', 1), stage('seal', 1), stage('hash', hashedPerData), stage('rs-encode', 1)]) }];
    },
  },
  pipelineVsSeedStack: {
    goal: 3, how: 'random bytes as one block and as a stripe, the lower; ours decides by content, zstd + chacha20poly1305 + reed-solomon-erasure put together straightforwardly compress at level 3; one thread',
    pairs: blocks('seed-stack', {}, { level: textLevel }),
  },
  textVsSeedStack: { goal: 1.3, how: 'text as one block and as a stripe, the lower; both at level 3, one thread', pairs: blocks('seed-stack', text) },
  textVsZstd: {
    goal: 0.9, how: 'text at level 3: a whole block and a stripe over zstd alone on the same bytes in one piece, one thread; the lower',
    pairs: (look, { sizes }) => (['whole-encode', 'stripe-encode'] as const).map((op) => {
      const mine = cell('native', op, sizes.block, text);
      return { what: workloadOf(mine), ours: look(mine), rival: look(cell('zstd', 'compress', sizes.block, text)) };
    }),
  },
  pipelineVsNpmStack: {
    goal: 8, how: 'random bytes as one block and as a stripe, the lower; ours decides by content, zstd-napi + @stablelib/xchacha20poly1305 + @ronomon/reed-solomon compress at level 3; one thread',
    pairs: blocks('npm-stack', {}, { level: textLevel }),
  },
  twoCores: {
    goal: 1.9, how: 'stripe-encode of random segments, two calls at a time with one thread each, as a put makes them, over one',
    pairs: (look, { sizes, cores }) => {
      const mine = cell('native', 'stripe-encode', sizes.block, { calls: 2 });
      const ours = cores < 2 ? { missing: 'this machine has one core' } : look(mine);
      return [{ what: workloadOf(mine), ours, rival: look(cell('native', 'stripe-encode', sizes.block)) }];
    },
  },
  addonVsRust: {
    goal: 0.95, how: 'the same call from TypeScript through the addon over Rust, random blocks of 1 MiB and more, with as many threads as the addon takes; the lowest',
    pairs: (look, { sizes, cores: threads }) => ([['stripe-encode', sizes.block], ['whole-encode', sizes.block], ['whole-encode', sizes.large]] as const).map(([op, bytes]) => {
      const mine = cell('addon', op, bytes, { threads });
      return { what: workloadOf(mine), ours: look(mine), rival: look(cell('native', op, bytes, { threads })) };
    }),
  },
};

export type Ratios = Readonly<Record<string, Ratio | MissingRatio>>;

/** `look` is told for which ratio it looks: each has measurements of its own, close together in time. */
export function ratiosFrom(look: (ratio: string, cell: Cell) => Rates, bench: Bench): Ratios {
  return Object.fromEntries(Object.entries(goals).map(([name, { goal, how, pairs }]) => [name, ratioOf(pairs((cell) => look(name, cell), bench), bench.judged ? goal : null, how)]));
}

/** Every cell that each ratio looks at. */
export function cellsOfRatios(bench: Bench): Map<string, Cell[]> {
  const cells = new Map<string, Cell[]>(Object.keys(goals).map((name) => [name, []]));
  ratiosFrom((name, asked) => {
    cells.get(name)?.push(asked);
    return { missing: 'not measured yet' };
  }, bench);
  return cells;
}
