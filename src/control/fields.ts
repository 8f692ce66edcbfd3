/**
 * Checks of small JSON objects at the edge. zod would cost 18 MiB of memory in every node and 50 ms of every command, for a
 * dozen fields.
 */
export interface Field<T> {
  readonly accepts: (value: unknown) => value is T;
}
type Fields = Readonly<Record<string, Field<unknown>>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;

/** Which fields an object must and may have. */
export interface Shape<R extends Fields = Fields, O extends Fields = Fields> {
  readonly required: R;
  readonly optional: O;
}
export type Shaped<S extends Shape> = { readonly [K in keyof S['required']]: ValueOf<S['required'][K]> } & {
  readonly [K in keyof S['optional']]?: ValueOf<S['optional'][K]>;
};

export function text(from: number, to: number): Field<string> {
  return { accepts: (value): value is string => typeof value === 'string' && value.length >= from && value.length <= to };
}

export function whole(from: number, to: number = Number.MAX_SAFE_INTEGER): Field<number> {
  return { accepts: (value): value is number => Number.isSafeInteger(value) && (value as number) >= from && (value as number) <= to };
}

export function finite(from: number, to: number): Field<number> {
  return { accepts: (value): value is number => typeof value === 'number' && value >= from && value <= to };
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Field<T> {
  return { accepts: (value): value is T => (allowed as readonly unknown[]).includes(value) };
}

export function listOf<T>(each: Field<T>, longest: number): Field<readonly T[]> {
  return { accepts: (value): value is readonly T[] => Array.isArray(value) && value.length <= longest && value.every((item) => each.accepts(item)) };
}

/** The object when it has all of the required and nothing but the known fields; otherwise the name of the first that does not fit. */
export function checkShape<S extends Shape>(raw: unknown, { required, optional }: S): { readonly value: Shaped<S> } | { readonly misfit: string } {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return { misfit: '(no object)' };
  const given = raw as Readonly<Record<string, unknown>>;
  const missing = Object.keys(required).find((name) => !Object.hasOwn(given, name));
  if (missing !== undefined) return { misfit: missing };
  const known: Fields = { ...optional, ...required };
  const misfit = Object.keys(given).find((name) => !Object.hasOwn(known, name) || known[name]?.accepts(given[name]) !== true);
  return misfit === undefined ? { value: given as Shaped<S> } : { misfit };
}
