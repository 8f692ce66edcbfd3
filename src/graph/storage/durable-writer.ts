/** Merges deltas into what is stored and commits them in groups, one after the other. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GraphNode } from '../data/node.ts';
import type { Delta, Field } from '../data/types.ts';
import { commit, fieldKey, fieldPrefix, type Level, nodeKey, type Put } from './durable-level.ts';
import { type NodeRecord, readField, readNode, RecordWriter } from './durable-record.ts';
import { bySoul, mergeInto, supersedes } from './merge.ts';
import { WriteQueue } from './write-queue.ts';

/** A node whose record would be longer is split into one record a field: a change must not cost what the node weighs. */
const splitBytes = 4_096;
const splitFields = 64;
/** So many are merged before others get their turn. */
const fieldsATurn = 512;
const groupFields = 4_096;

export class DurableWriter {
  readonly #level: Level;
  readonly #queue = new WriteQueue(groupFields, (deltas) => this.#commit(deltas));
  #fields = 0;
  #bytes = 0;

  constructor(level: Level) {
    this.#level = level;
  }

  write(deltas: readonly Delta[]): Promise<void> {
    return this.#queue.write(deltas);
  }

  flush(): Promise<void> {
    return this.#queue.flush();
  }

  stats(): { readonly writes: number; readonly fields: number; readonly bytes: number } {
    return { writes: this.#queue.writes, fields: this.#fields, bytes: this.#bytes };
  }

  async #commit(deltas: readonly Delta[]): Promise<void> {
    const changes = bySoul(deltas);
    const souls = [...changes.keys()];
    const keys = souls.map(nodeKey);
    const records = await this.#level.getMany(keys);
    const work = new Work();
    const large: LargeChange[] = [];
    let turn = 0;
    for (let at = 0; at < souls.length; at++) {
      const soul = souls[at] as string;
      const fields = changes.get(soul) as readonly Field[];
      const bytes = records[at];
      const record: NodeRecord | undefined = bytes && readNode(keys[at] as Buffer, soul, bytes);
      if (record === 'split') large.push({ prefix: fieldPrefix(soul), fields, known: true });
      else if (record === undefined && fields.length > splitFields) {
        large.push({ prefix: fieldPrefix(soul), fields, known: false });
        work.mark(keys[at] as Buffer);
      } else await work.whole(keys[at] as Buffer, record ?? new GraphNode(soul), fields);
      if ((turn += fields.length) < fieldsATurn) continue;
      turn = 0;
      await nextTurn();
    }
    for (const change of large) await this.#merge(change, work);
    if (work.puts.length === 0) return;
    await commit(this.#level, work.puts);
    this.#fields += work.fields;
    for (const { key, value } of work.puts) this.#bytes += key.length + value.length;
  }

  async #merge({ prefix, fields, known }: LargeChange, work: Work): Promise<void> {
    for (let first = 0; first < fields.length; first += fieldsATurn) {
      const some = fields.slice(first, first + fieldsATurn);
      const keys = some.map(({ key }) => fieldKey(prefix, key));
      const found = known ? await this.#level.getMany(keys) : [];
      for (let at = 0; at < some.length; at++) work.field(keys[at] as Buffer, some[at] as Field, found[at]);
      if (!known) await nextTurn();
    }
  }
}

/** Fields of a node that has a record for each of them. */
interface LargeChange {
  readonly prefix: Buffer;
  readonly fields: readonly Field[];
  /** The node was there before, so that its fields may be. */
  readonly known: boolean;
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
      const value = this.#records.node(key, node);
      if (value.length <= splitBytes) {
        this.puts.push({ type: 'put', key, value });
        return;
      }
    }
    this.mark(key);
    const prefix = fieldPrefix(node.soul);
    for (const field of node.fields()) this.#put(fieldKey(prefix, field.key), field);
    await nextTurn();
  }

  mark(key: Buffer): void {
    this.puts.push({ type: 'put', key, value: this.#records.splitMark(key) });
  }

  field(at: Buffer, field: Field, stored: Buffer | undefined): void {
    if (stored !== undefined) {
      const known = readField(at, field.key, stored);
      if (!supersedes(field.value, field.state, known.value, known.state)) return;
    }
    this.fields++;
    this.#put(at, field);
  }

  #put(key: Buffer, field: Field): void {
    this.puts.push({ type: 'put', key, value: this.#records.field(key, field) });
  }
}
