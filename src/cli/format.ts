/** For people: rounded, three significant digits. */
export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes;
  let unit = 'B';
  for (const next of ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']) {
    if (value < 1023.5) break;
    value /= 1024;
    unit = next;
  }
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

export function humanRate(bytes: number, seconds: number): string {
  return `${humanBytes(Math.round(bytes / Math.max(seconds, 0.001)))}/s`;
}

export function humanTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, 19);
}

/** Columns padded to their widest cell; the first row is the head. Numbers are told by `right`. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) => row.map((cell, column) => (right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join('  ').trimEnd())
    .join('\n');
}

/** Text from elsewhere (names of objects) for a terminal: control characters are shown, not obeyed. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is replaced
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
