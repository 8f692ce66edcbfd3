/** Merges deltas into what is stored and commits them in groups, one after the other. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GraphNode } from '../data/node.ts';
import type { Delta, Field } from '../data/types.ts';
import { commit, fieldKey, fieldPrefix, type Level, nodeKey, operationsATurn, type Put } from './durable-level.ts';
import type { Sequence } from './durable-open.ts';
import { type NodeRecord, readField, readNode, RecordWriter } from './durable-record.ts';
import { mergeInto, supersedes } from './merge.ts';

/** A node whose record would be longer is split into one record a field: a change must not cost what the node weighs. */
const splitBytes = 4_096;
const splitFields = 64;
/** A group ends with the write that reaches this, so that a turn of the event loop stays short. */
const groupFields = 4_096;

interface Waiting {
  readonly deltas: readonly Delta[];
  resolve(): void;
  reject(error: unknown): void;
}

export class DurableWriter {
  readonly #level: Level;
  readonly #sequence: Sequence;
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  writes = 0;
  fields = 0;
  bytes = 0;

  constructor(level: Level, sequence: Sequence) {
    this.#level = level;
    this.#sequence = sequence;
  }

  write(deltas: readonly Delta[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ deltas, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async flush(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#nextGroup();
      try {
        for (const deltas of slices(group.flatMap((each) => each.deltas))) await this.#commit(deltas);
        this.writes += group.length;
        for (const each of group) each.resolve();
      } catch (error) {
        for (const each of group) each.reject(error);
      }
    }
    this.#running = undefined;
  }

  #nextGroup(): Waiting[] {
    let fields = 0;
    let count = 0;
    while (count < this.#waiting.length && fields < groupFields) {
      for (const delta of (this.#waiting[count] as Waiting).deltas) fields += delta.fields.length;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(deltas: readonly Delta[]): Promise<void> {
    const changes = bySoul(deltas);
    const souls = [...changes.keys()];
    const keys = souls.map(nodeKey);
    const records = await this.#level.getMany(keys);
    const work = new Work();
    const known: FieldChange[] = [];
    for (let at = 0; at < souls.length; at++) {
      const soul = souls[at] as string;
      const fields = changes.get(soul) as readonly Field[];
      const bytes = records[at];
      const record: NodeRecord = bytes === undefined ? new GraphNode(soul) : readNode(soul, bytes);
      if (record === 'split') known.push(...fieldChanges(soul, fields));
      else await work.whole(keys[at] as Buffer, record, fields);
    }
    for (let first = 0; first < known.length; first += operationsATurn) {
      const some = known.slice(first, first + operationsATurn);
      const found = await this.#level.getMany(some.map((change) => change.at));
      some.forEach((change, at) => work.field(change, found[at]));
    }
    if (work.puts.length === 0) return;
    work.puts.push(this.#sequence.next());
    await commit(this.#level, work.puts);
    this.#sequence.committed();
    this.fields += work.fields;
    for (const { key, value } of work.puts) this.bytes += key.length + value.length;
  }
}

interface FieldChange {
  readonly at: Buffer;
  readonly field: Field;
}

/** The puts of one batch. */
class Work {
  readonly puts: Put[] = [];
  fields = 0;
  readonly #records = new RecordWriter();

  async whole(key: Buffer, node: GraphNode, fields: readonly Field[]): Promise<void> {
    const taken = mergeInto(node, fields);
    if (taken === 0) return;
    this.fields += taken;
    if (node.size <= splitFields) {
      const value = this.#records.node(node);
      if (value.length <= splitBytes) {
        this.puts.push({ type: 'put', key, value });
        return;
      }
    }
    const prefix = fieldPrefix(node.soul);
    for (const field of node.fields()) {
      this.puts.push({ type: 'put', key: fieldKey(prefix, field.key), value: this.#records.field(field) });
      if (this.puts.length % operationsATurn === 0) await nextTurn();
    }
    this.puts.push({ type: 'put', key, value: this.#records.splitMark() });
  }

  field({ at, field }: FieldChange, stored: Buffer | undefined): void {
    if (stored !== undefined) {
      const known = readField(field.key, stored);
      if (!supersedes(field.value, field.state, known.value, known.state)) return;
    }
    this.fields++;
    this.puts.push({ type: 'put', key: at, value: this.#records.field(field) });
  }
}

function fieldChanges(soul: string, fields: readonly Field[]): FieldChange[] {
  const prefix = fieldPrefix(soul);
  return fields.map((field) => ({ at: fieldKey(prefix, field.key), field }));
}

/** Each soul once, each of its keys once. */
function bySoul(deltas: readonly Delta[]): Map<string, readonly Field[]> {
  const changes = new Map<string, readonly Field[]>();
  for (const { soul, fields } of deltas) {
    const before = changes.get(soul);
    changes.set(soul, before === undefined ? fields : merged(soul, before, fields));
  }
  return changes;
}

function merged(soul: string, before: readonly Field[], fields: readonly Field[]): readonly Field[] {
  const node = GraphNode.from({ soul, fields: before });
  mergeInto(node, fields);
  return [...node.fields()];
}

function* slices(deltas: readonly Delta[]): IterableIterator<readonly Delta[]> {
  let from = 0;
  let fields = 0;
  for (let at = 0; at < deltas.length; at++) {
    fields += (deltas[at] as Delta).fields.length;
    if (fields < groupFields && at < deltas.length - 1) continue;
    yield deltas.slice(from, at + 1);
    from = at + 1;
    fields = 0;
  }
}
