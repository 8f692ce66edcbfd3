/** The part of the language that starts memory at a page: no other buffer promises where it begins. */
declare const WebAssembly: { readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer } };

const pageBytes = 64 * 1024;

/** Memory that starts at a page boundary, as direct disk access asks for. */
export function alignedBytes(length: number): Uint8Array {
  const pages = Math.max(1, Math.ceil(length / pageBytes));
  return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer, 0, length);
}
