/** A layout that is being read: the header is checked against the root at once, pages as they come in. */
import { PangeaError } from '../../errors/errors.ts';
import { equalBytes } from '../../std/std.ts';
import {
  encodeHeader, encodeIndex, encodePage, hashOf, parseHeader, parseIndex, parsePage,
  type DeriveKey, type LayoutHeader, type StripeEntry,
} from './layout.ts';
import { indexCount, pageCount, pagesPerIndex, stripesPerPage } from './shape.ts';

export class LayoutView {
  readonly root: Uint8Array;
  readonly header: LayoutHeader;
  readonly headerBytes: Uint8Array;
  readonly #deriveKey: DeriveKey;
  readonly #pages = new Map<number, readonly StripeEntry[]>();
  /** Hashes of pages, by number, as far as they are known. */
  readonly #pageHashes: (Uint8Array | undefined)[];

  /** Throws `LAYOUT_INVALID` when the bytes are no header, or not the one that this root is the hash of. */
  constructor(deriveKey: DeriveKey, root: Uint8Array, headerBytes: Uint8Array) {
    if (!equalBytes(hashOf.header(deriveKey, headerBytes), root)) throw new PangeaError('LAYOUT_INVALID', 'the layout header is not the one of this root');
    this.#deriveKey = deriveKey;
    this.root = root;
    this.headerBytes = headerBytes;
    this.header = parseHeader(headerBytes);
    this.#pageHashes = indexCount(this.header.stripes) === 0 ? [...this.header.hashes] : Array.from({ length: pageCount(this.header.stripes) }, () => undefined);
  }

  get indexes(): number {
    return indexCount(this.header.stripes);
  }

  get pages(): number {
    return pageCount(this.header.stripes);
  }

  addIndex(index: number, bytes: Uint8Array): void {
    const expected = this.header.hashes[index];
    if (index >= this.indexes || !expected || !equalBytes(hashOf.index(this.#deriveKey, bytes), expected)) {
      throw new PangeaError('LAYOUT_INVALID', `page index ${index} is not the one that the header commits to`);
    }
    parseIndex(bytes, index, this.header.stripes).forEach((hash, at) => (this.#pageHashes[index * pagesPerIndex + at] = hash));
  }

  /** Index pages before the pages they name. */
  addPage(page: number, bytes: Uint8Array): void {
    const expected = this.#pageHashes[page];
    if (!expected || !equalBytes(hashOf.page(this.#deriveKey, bytes), expected)) {
      throw new PangeaError('LAYOUT_INVALID', `page ${page} is not the one that the layout commits to`);
    }
    this.#pages.set(page, parsePage(bytes, page, this.header.stripes));
  }

  checkManifest(sealed: Uint8Array): void {
    if (sealed.length !== this.header.manifestBytes || !equalBytes(hashOf.manifest(this.#deriveKey, sealed), this.header.manifestHash)) {
      throw new PangeaError('LAYOUT_INVALID', 'the sealed manifest is not the one that the header commits to');
    }
  }

  hasIndexFor(page: number): boolean {
    return this.#pageHashes[page] !== undefined;
  }

  hasPage(page: number): boolean {
    return this.#pages.has(page);
  }

  /** Throws `INTERNAL` when its page was not added: a bug of the caller. */
  stripe(stripe: number): StripeEntry {
    const entry = this.#pages.get(Math.floor(stripe / stripesPerPage))?.[stripe % stripesPerPage];
    if (!entry) throw new PangeaError('INTERNAL', `stripe ${stripe} of ${this.header.stripes}: its page is not here`);
    return entry;
  }

  /** Forgets the pages that were added first, beyond so many. */
  keepPages(count: number): void {
    for (const page of this.#pages.keys()) {
      if (this.#pages.size <= count) return;
      this.#pages.delete(page);
    }
  }
}

export interface BuiltLayout {
  readonly view: LayoutView;
  readonly headerBytes: Uint8Array;
  readonly indexes: readonly Uint8Array[];
  readonly pages: readonly Uint8Array[];
}

/** Pages, index pages and header of a finished put. */
export function buildLayout(
  deriveKey: DeriveKey,
  facts: Omit<LayoutHeader, 'stripes' | 'storedBytes' | 'hashes'>,
  entries: readonly StripeEntry[],
): BuiltLayout {
  const pages: Uint8Array[] = [];
  for (let first = 0; first < entries.length; first += stripesPerPage) {
    pages.push(encodePage(pages.length, entries.slice(first, first + stripesPerPage)));
  }
  const pageHashes = pages.map((page) => hashOf.page(deriveKey, page));
  const indexes: Uint8Array[] = [];
  for (let index = 0; index < indexCount(entries.length); index++) {
    indexes.push(encodeIndex(index, pageHashes.slice(index * pagesPerIndex, (index + 1) * pagesPerIndex)));
  }
  const headerBytes = encodeHeader({
    ...facts,
    stripes: entries.length,
    storedBytes: entries.reduce((sum, entry) => sum + storedBytesOf(entry), 0),
    hashes: indexes.length > 0 ? indexes.map((index) => hashOf.index(deriveKey, index)) : pageHashes,
  });
  const view = new LayoutView(deriveKey, hashOf.header(deriveKey, headerBytes), headerBytes);
  indexes.forEach((bytes, index) => view.addIndex(index, bytes));
  pages.forEach((bytes, page) => view.addPage(page, bytes));
  return { view, headerBytes, indexes, pages };
}

export function storedBytesOf(entry: StripeEntry): number {
  return entry.lengths.reduce((sum, length) => sum + length, 0);
}
