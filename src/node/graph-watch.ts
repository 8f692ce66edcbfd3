/** Changes of nodes for a reader who may be slower than they come. */
import type { GraphChange, GraphInterest } from '../api/api.ts';
import type { Field, GraphPeer } from '../graph/graph.ts';

/** Fields that wait for a reader, the newest value of each key; beyond it a node is read again as a whole when the reader comes. */
const waitingFields = 20_000;
/** Nodes of a prefix that wait; beyond it those that wait longest are dropped, and the reader hears how many. */
const waitingNodes = 4_096;
/** What one change carries of a node; the rest follows in further ones. */
const changeFields = 1_000;
const changeChars = 256 * 1024;

interface Waiting {
  origin: GraphChange['origin'];
  /** Undefined: the node is to be read as a whole. */
  fields: Map<string, Field> | undefined;
}

/** First the nodes as they are, then what changes, until the signal. */
export async function* watchNodes(peer: GraphPeer, interest: GraphInterest, signal: AbortSignal): AsyncGenerator<GraphChange> {
  const news = new News(interest);
  const stops = listen(peer, interest, news);
  const end = (): void => news.wake();
  signal.addEventListener('abort', end, { once: true });
  try {
    if ('prefix' in interest.souls) {
      for await (const soul of peer.souls({ '*': interest.souls.prefix })) {
        if (signal.aborted) return;
        yield* wholeNode(peer, soul, 'now', 0);
      }
    }
    while (!signal.aborted) {
      const next = news.take();
      if (next === undefined) await news.come();
      else if (next.fields === undefined) yield* wholeNode(peer, next.soul, next.origin, next.lost);
      else yield* inParts(next.soul, next.origin, next.fields.values(), next.lost);
    }
  } finally {
    signal.removeEventListener('abort', end);
    for (const stop of stops) stop();
  }
}

function listen(peer: GraphPeer, { souls }: GraphInterest, news: News): readonly (() => void)[] {
  if ('prefix' in souls) {
    const { prefix } = souls;
    return [
      peer.watchAll(({ soul, origin, fields }) => {
        if (soul.startsWith(prefix)) news.add(soul, origin, fields);
      }),
      peer.subscribe({ soul: { '*': prefix } }),
    ];
  }
  return souls.flatMap((soul) => [peer.watch(soul, ({ origin, fields }) => news.add(soul, origin, fields)), peer.subscribe({ soul })]);
}

/** What waits for the reader, node by node, in the order in which they first changed. */
class News {
  readonly #whole: boolean;
  readonly #most: number;
  readonly #waiting = new Map<string, Waiting>();
  #fields = 0;
  #lost = 0;
  #wake = Promise.withResolvers<void>();

  constructor({ souls, whole = false }: GraphInterest) {
    this.#whole = whole;
    this.#most = 'prefix' in souls ? waitingNodes : Number.POSITIVE_INFINITY;
    if (!('prefix' in souls)) for (const soul of souls) this.#waiting.set(soul, { origin: 'now', fields: undefined });
  }

  add(soul: string, origin: GraphChange['origin'], fields: readonly Field[]): void {
    const waiting = this.#waiting.get(soul) ?? this.#begin(soul, origin);
    if (waiting.fields === undefined) return this.wake();
    waiting.origin = origin;
    this.#fields -= waiting.fields.size;
    for (const field of fields) waiting.fields.set(field.key, field);
    if (this.#fields + waiting.fields.size > waitingFields) {
      waiting.fields = undefined;
      waiting.origin = 'now';
    } else this.#fields += waiting.fields.size;
    this.wake();
  }

  /** Changes from here on are kept again: one that is in the node by the time it is read is told twice rather than lost. */
  take(): (Waiting & { readonly soul: string; readonly lost: number }) | undefined {
    for (const [soul, waiting] of this.#waiting) {
      const lost = this.#lost;
      this.#drop(soul, waiting);
      this.#lost = 0;
      return { soul, lost, ...waiting };
    }
    return undefined;
  }

  async come(): Promise<void> {
    await this.#wake.promise;
    this.#wake = Promise.withResolvers();
  }

  wake(): void {
    this.#wake.resolve();
  }

  #begin(soul: string, origin: GraphChange['origin']): Waiting {
    for (const [oldest, waiting] of this.#waiting) {
      if (this.#waiting.size < this.#most) break;
      this.#drop(oldest, waiting);
      this.#lost += 1;
    }
    const begun: Waiting = { origin, fields: this.#whole ? undefined : new Map() };
    this.#waiting.set(soul, begun);
    return begun;
  }

  #drop(soul: string, { fields }: Waiting): void {
    this.#waiting.delete(soul);
    this.#fields -= fields?.size ?? 0;
  }
}

async function* wholeNode(peer: GraphPeer, soul: string, origin: GraphChange['origin'], lost: number): AsyncGenerator<GraphChange> {
  const node = await peer.load(soul);
  if (node !== undefined && node.size > 0) yield* inParts(soul, origin, [...node.fields()], lost);
}

function* inParts(soul: string, origin: GraphChange['origin'], fields: Iterable<Field>, lost: number): Generator<GraphChange> {
  const change = (part: readonly Field[], more: boolean): GraphChange => {
    const told = { soul, origin, fields: part, ...(more ? { more } as const : {}), ...(lost > 0 ? { lost } : {}) };
    lost = 0;
    return told;
  };
  let part: Field[] = [];
  let chars = 0;
  for (const field of fields) {
    const size = field.key.length + (typeof field.value === 'string' ? field.value.length : 8);
    if (part.length > 0 && (part.length === changeFields || chars + size > changeChars)) {
      yield change(part, true);
      [part, chars] = [[], 0];
    }
    part.push(field);
    chars += size;
  }
  yield change(part, false);
}
