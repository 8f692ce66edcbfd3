/** JSON that keeps every number: minus zero is the one that JSON loses. */
export function pack(value: unknown): string {
  return JSON.stringify(value, (_, held: unknown) => (Object.is(held, -0) ? { minusZero: true } : held));
}

export function unpack(text: string): unknown {
  return JSON.parse(text, (_, held: unknown) => (typeof held === 'object' && held !== null && 'minusZero' in held ? -0 : held));
}
