import { PangeaError } from '../../errors/errors.ts';
import type { Delta, Field, Value } from '../data/types.ts';

export interface ImportOptions {
  /** The state of fields that come without one, milliseconds since 1970: usually `peer.nextState()`. */
  readonly state: number;
  /** Fields and links together. Default 1,000,000. */
  readonly maxFields?: number;
}

/**
 * Reads `{nodes, edges}` as `toJsonGraph` writes it, or as other programs do: `states` and `state` may be absent, `fields` too,
 * and an edge without `key` gets its target as key. Nothing is taken over but what stands here.
 * Throws GRAPH_INVALID with the place of the first thing that is wrong, TOO_LARGE beyond `maxFields`.
 */
export function fromJsonGraph(graph: unknown, options: ImportOptions): Delta[] {
  const collect = new Collector(options);
  const { nodes, edges = [] } = record(graph, 'the graph');
  for (const [at, node] of list(nodes, 'nodes').entries()) {
    const place = `nodes[${at}]`;
    const { id, fields = {}, states = {} } = record(node, place);
    const given = record(states, `${place}.states`);
    for (const [key, value] of Object.entries(record(fields, `${place}.fields`))) {
      if (!isScalar(value)) throw invalid(`${place}.fields.${key}`, 'is neither text, a finite number, a boolean nor null');
      collect.add(place, id, key, value, Object.hasOwn(given, key) ? given[key] : undefined);
    }
  }
  for (const [at, edge] of list(edges, 'edges').entries()) {
    const place = `edges[${at}]`;
    const { source, target, key = target, state } = record(edge, place);
    collect.add(place, source, key, { '#': name(target, `${place}.target`) }, state);
  }
  return collect.deltas();
}

class Collector {
  readonly #options: ImportOptions;
  readonly #nodes = new Map<string, Map<string, Field>>();
  #count = 0;

  constructor(options: ImportOptions) {
    this.#options = options;
  }

  /** Of two values for one field the one with the later state stays. */
  add(place: string, soul: unknown, key: unknown, value: Value, state: unknown = this.#options.state): void {
    if (typeof state !== 'number' || !Number.isFinite(state)) throw invalid(place, 'has a state that is no finite number');
    const most = this.#options.maxFields ?? 1_000_000;
    if (++this.#count > most) throw new PangeaError('TOO_LARGE', `the graph has more than ${most} fields and links`);
    const field: Field = { key: name(key, `the key in ${place}`), value, state };
    const fields = this.#nodes.get(name(soul, `the id in ${place}`));
    if (fields === undefined) this.#nodes.set(soul as string, new Map([[field.key, field]]));
    else if ((fields.get(field.key)?.state ?? Number.NEGATIVE_INFINITY) <= state) fields.set(field.key, field);
  }

  deltas(): Delta[] {
    return Array.from(this.#nodes, ([soul, fields]) => ({ soul, fields: [...fields.values()] }));
  }
}

function record(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(place, 'is no object');
}

function list(value: unknown, place: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(place, 'is no list');
}

/** A soul or a key. `__proto__` is refused as it is from peers: programs that keep a graph in plain objects are harmed by it. */
function name(value: unknown, place: string): string {
  if (typeof value === 'string' && value !== '' && value !== '__proto__' && value !== '_') return value;
  throw invalid(place, 'is no text, is empty or is a name that graphs cannot have');
}

function isScalar(value: unknown): value is string | number | boolean | null {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

function invalid(place: string, what: string): PangeaError {
  return new PangeaError('GRAPH_INVALID', `${place} ${what}`);
}
