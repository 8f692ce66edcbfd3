/** Radix trees as GUN reads them, written out as JSON text. */
export interface Entry {
  readonly path: string;
  /** What lies there, as JSON. */
  readonly json: string;
}

/** Labels that GUN's walk through a tree leaves out; cut in two they are found. */
const unread = 'undefined';

interface Branch {
  /** Entries from `from` to before `to` agree in their first `depth` units. */
  readonly from: number;
  readonly to: number;
  readonly depth: number;
}

/** Each path once, in any order. */
export function writeTree(unordered: readonly Entry[]): string {
  const entries = unordered.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const parts: string[] = [];
  // Without recursion: a thousand keys that each continue the one before are a tree a thousand deep.
  const open: (Branch & { at: number })[] = [];
  const enter = ({ from, to, depth }: Branch): void => {
    let at = from;
    parts.push('{');
    if (at < to && (entries[at] as Entry).path.length === depth) parts.push('"":', (entries[at++] as Entry).json);
    open.push({ from, to, depth, at });
  };
  enter({ from: 0, to: entries.length, depth: 0 });
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    if (top.at === top.to) {
      parts.push('}');
      open.pop();
      continue;
    }
    if (top.at > top.from) parts.push(',');
    const below = childAt(entries, top.at, top);
    parts.push(JSON.stringify((entries[top.at] as Entry).path.slice(top.depth, below.depth)), ':');
    top.at = below.to;
    enter(below);
  }
  return parts.join('');
}

export function writeNames(names: readonly string[]): string {
  return writeTree(names.map((path) => ({ path, json: '1' })));
}

/** The entries from `at` on that begin alike behind what their branch agrees in. */
function childAt(entries: readonly Entry[], at: number, { to, depth }: Branch): Branch {
  const { path } = entries[at] as Entry;
  let end = at + 1;
  while (end < to && (entries[end] as Entry).path.charCodeAt(depth) === path.charCodeAt(depth)) end++;
  const length = commonLength(path, (entries[end - 1] as Entry).path, depth);
  return { from: at, to: end, depth: path.slice(depth, length) === unread ? length - 1 : length };
}

/** Of sorted texts the first and the last agree in what all agree in. */
function commonLength(a: string, b: string, from: number): number {
  let length = from;
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}
