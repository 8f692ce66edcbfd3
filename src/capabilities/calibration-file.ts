/**
 * Rates of former starts, one entry a machine and build, as text. The file is a cache: what cannot be read
 * is as good as absent, and costs one calibration.
 */
export interface Calibration {
  /** All that the rates depend on (`machineKey`). */
  readonly key: string;
  /** Wall clock, milliseconds since 1970. */
  readonly madeMs: number;
  readonly tookMs: number;
  /** Bytes of data a second by `stage/path`. */
  readonly rates: Readonly<Record<string, number>>;
}

export const maxCalibrationFileBytes = 64 * 1024;
/** Several builds or virtual machines may share a home directory; the oldest entry goes. */
const maxEntries = 8;
const maxRates = 64;
const formatVersion = 1;

/** Never throws: hostile or torn text gives no entries. */
export function parseCalibrations(text: string): Calibration[] {
  if (text.length > maxCalibrationFileBytes) return [];
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return [];
  }
  if (!isRecord(file) || file['version'] !== formatVersion || !Array.isArray(file['entries'])) return [];
  return file['entries'].slice(0, maxEntries).filter(isCalibration);
}

/** The text of the file after `added` has come in front, replacing its former self. */
export function formatCalibrations(before: readonly Calibration[], added: Calibration): string {
  const entries = [added, ...before.filter(({ key }) => key !== added.key)].slice(0, maxEntries);
  return `${JSON.stringify({ version: formatVersion, entries }, null, 1)}\n`;
}

function isCalibration(entry: unknown): entry is Calibration {
  if (!isRecord(entry)) return false;
  const { key, madeMs, tookMs, rates } = entry;
  return typeof key === 'string' && key.length <= 1000 && isPositive(madeMs) && isPositive(tookMs) && isRecord(rates) &&
    Object.keys(rates).length <= maxRates && Object.values(rates).every(isPositive);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isPositive = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value > 0;
