/** What callers hand to objects and get back. The api offers the same words to the command line, HTTP, RPC and the library. */

/** memory: in the holders' memory. some: fsync on 9 of 12 (8+1). all: fsync on every holder. */
export type AckLevel = 'memory' | 'some' | 'all';

export interface PutOptions {
  readonly name: string;
  readonly mediaType?: string;
  readonly ack?: AckLevel;
  /** Plaintext bytes when the caller knows them; a different count is an error. */
  readonly expectedBytes?: number;
  /** A dictionary object, by link, root or name: for many small contents of one kind. Not for trees, which are packed. */
  readonly dictionary?: ObjectReference;
  /** A retried put with the same id gives the first one's record. */
  readonly requestId?: string;
  readonly signal?: AbortSignal;
}

export interface TrainOptions extends Pick<PutOptions, 'name' | 'ack' | 'requestId' | 'signal'> {
  /** Most bytes that the dictionary may have. */
  readonly bytes: number;
}

export interface ObjectRecord {
  /** 64 hex digits. */
  readonly root: string;
  /** `pangea:1:…`, a secret: never logged. */
  readonly link: string;
  readonly name: string;
  readonly kind: 'file' | 'directory';
  readonly bytes: number;
  readonly mediaType: string;
  readonly createdMs: number;
}

export interface PutCompression {
  /** Bytes that the compressor gave of the plaintext. */
  readonly compressedBytes: number;
  /** How many stripes were compressed at which zstd level, or `store`; as `3-9` where the codec itself chose in a range. */
  readonly levels: Readonly<Record<string, number>>;
  /** Root of the dictionary that was used, 64 hex digits. */
  readonly dictionary?: string;
}

export interface PutResult extends ObjectRecord {
  readonly ack: {
    readonly asked: AckLevel;
    /** Holders that answered with fsync, of those that hold a part. */
    readonly fsynced: number;
    readonly holders: number;
  };
  /** How many holders may vanish with nothing lost. */
  readonly survivesFailures: number;
  /** Stored bytes over all holders. */
  readonly storedBytes: number;
  readonly compression: PutCompression;
  readonly seconds: number;
}

export interface ObjectInfo extends ObjectRecord {
  readonly storedBytes: number;
  readonly stripes: number;
  readonly mode: 'whole' | 'striped';
  /** Per holder that answered: which of its rows are there. */
  readonly holders: readonly { readonly peer: string; readonly shards: number; readonly live: boolean }[];
  readonly shardsPresent: number;
  readonly shardsTotal: number;
  readonly survivesFailures: number;
}

/** Where to read: a link, a root in the catalogue (64 hex), or a catalogue name. */
export type ObjectReference = string;

export interface GetOptions {
  readonly offset?: number;
  readonly length?: number;
  /** One path of a directory object. */
  readonly path?: string;
  readonly signal?: AbortSignal;
}

export interface GetResult {
  readonly name: string;
  readonly kind: 'file' | 'directory';
  /** Bytes that `content` will give. */
  readonly bytes: number;
  readonly mediaType: string;
  /** Verified plaintext, in order, in chunks of at most one segment. A chunk is valid until the next is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** One entry of a tree that is put or got as one object. Paths are relative, `/`-separated, without `..`. */
export interface TreeEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  /** Permission bits. */
  readonly mode: number;
  readonly modifiedMs: number;
  readonly bytes: number;
  /** Where a symlink points; must stay inside the tree. */
  readonly target?: string;
  /** Content of a file; consumed before the next entry is asked for. */
  readonly content?: AsyncIterable<Uint8Array>;
}
