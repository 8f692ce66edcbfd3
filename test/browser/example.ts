/** Runs in a browser: does on the example page what a person would, and reports what it showed. */

export interface Shown {
  readonly failure?: string;
  readonly names?: readonly string[];
  /** The file that came back from shards 4 to 11, and its name. */
  readonly name?: string;
  readonly content?: string;
  /** What seven shards gave. */
  readonly refused?: string;
}

const frame = document.querySelector('iframe');

async function drive(): Promise<Shown> {
  const page = await until(() => {
    const inner = frame.contentDocument;
    return inner?.getElementById('decode') ? inner : undefined;
  });
  const choose = (id: string, files: readonly File[]): void => {
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    page.getElementById(id).files = transfer.files;
  };
  const links = (id: string, count: number): Promise<Anchor[]> => until(() => {
    const found = [...page.querySelectorAll(`#${id} a`)];
    return found.length === count ? found : undefined;
  });

  choose('file', [new File(['any eight of twelve'], 'words.txt')]);
  const encoded = await until(async () => {
    // The page listens once its module is compiled.
    page.getElementById('file').dispatchEvent(new Event('change'));
    await pause();
    return page.querySelectorAll('#encoded a').length === 12 ? [...page.querySelectorAll('#encoded a')] : undefined;
  });
  const shards = await Promise.all(encoded.map(async (link) => new File([await (await fetch(link.href)).blob()], link.download)));
  const key = /Key: ([0-9a-f]{64})/.exec(page.getElementById('encoded').textContent)?.[1] ?? '';
  page.getElementById('key').value = key;
  choose('shards', shards.slice(4));
  page.getElementById('decode').click();
  const [link] = await links('decoded', 1) as [Anchor];
  const content = await (await fetch(link.href)).text();
  choose('shards', shards.slice(5));
  page.getElementById('decode').click();
  const refused = await until(() => /shards.*/.exec(page.getElementById('decoded').textContent)?.[0]);
  return { names: encoded.map(({ download }) => download), name: link.download, content, refused };
}

async function until<T>(found: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const value = await found();
    if (value !== undefined) return value;
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((done) => setTimeout(done, 20));
}

const shown = await drive().catch((error: unknown): Shown => ({ failure: String(error) }));
await fetch('/report', { method: 'POST', body: JSON.stringify(shown) });

/** The little of a browser that is used. */
interface Anchor {
  readonly href: string;
  readonly download: string;
}
interface Field {
  files: unknown;
  value: string;
  readonly textContent: string;
  click(): void;
  dispatchEvent(event: Event): void;
}
interface Page {
  getElementById(id: string): Field;
  querySelectorAll(selector: string): Iterable<Anchor> & { readonly length: number };
}
declare const document: { querySelector(name: 'iframe'): { readonly contentDocument: Page | null } };
declare const DataTransfer: new () => { readonly items: { add(file: File): void }; readonly files: unknown };
