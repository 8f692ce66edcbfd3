/** CRC-32C (Castagnoli), the checksum of headers; eight table look-ups for eight bytes (slicing by 8). */
const polynomial = 0x82f63b78;
const tables: readonly Uint32Array[] = makeTables();

/** Continues a checksum over more bytes. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as readonly [U, U, U, U, U, U, U, U];
  let sum = ~before;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    const low = sum ^ (byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24));
    sum =
      word(t7, low & 255) ^ word(t6, (low >>> 8) & 255) ^ word(t5, (low >>> 16) & 255) ^ word(t4, low >>> 24) ^
      word(t3, byte(bytes, at + 4)) ^ word(t2, byte(bytes, at + 5)) ^ word(t1, byte(bytes, at + 6)) ^ word(t0, byte(bytes, at + 7));
  }
  for (; at < bytes.length; at++) sum = word(t0, (sum ^ byte(bytes, at)) & 255) ^ (sum >>> 8);
  return ~sum >>> 0;
}

type U = Uint32Array;

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

function word(table: U, at: number): number {
  return table[at] as number;
}

function makeTables(): Uint32Array[] {
  const made = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let value = 0; value < 256; value++) {
    let sum = value;
    for (let table = 0; table < 8; table++) {
      for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? polynomial : 0);
      (made[table] as U)[value] = sum;
    }
  }
  return made;
}
