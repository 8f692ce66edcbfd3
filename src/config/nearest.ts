/** Edit distance with neighbouring letters swapped counted as one step, which is the commonest slip of the fingers. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replace, (previous[j] as number) + 1, (row[j - 1] as number) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (before[j - 2] as number) + 1);
      }
      row.push(best);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] as number;
}

/** The known name that the writer probably meant, or `undefined` when none is near enough to be worth a guess. */
export function nearestName(unknown: string, known: readonly string[]): string | undefined {
  const wanted = unknown.toLowerCase().replaceAll('_', '-');
  let best: string | undefined;
  let distance = Math.min(Math.max(2, Math.floor(wanted.length / 3)), wanted.length - 1) + 1;
  for (const name of known) {
    const abbreviated = wanted.length >= 3 && name.startsWith(wanted);
    const steps = Math.min(editDistance(wanted, name), abbreviated ? 1 : Infinity);
    if (steps < distance) {
      distance = steps;
      best = name;
    }
  }
  return best;
}
