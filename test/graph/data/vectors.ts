import { readFileSync } from 'node:fs';

export interface FieldVector {
  readonly id: string;
  readonly category: string;
  readonly faith?: boolean;
  readonly current: { readonly state: number; readonly value?: unknown } | null;
  readonly incoming: { readonly state: unknown; readonly value: unknown };
  readonly machine: number;
  readonly expect: {
    readonly outcome: 'accept' | 'reject' | 'defer';
    readonly graphAfter: { readonly value: unknown; readonly state?: number } | null;
    readonly relayed: boolean;
    readonly deferMs?: number;
  };
}

export interface MessageVector {
  readonly id: string;
  readonly put: unknown;
  readonly preexisting: unknown;
  readonly accepted: readonly (readonly [soul: string, key: string, value: unknown])[];
}

interface VectorFile {
  readonly vectors: readonly FieldVector[];
  readonly messages: readonly MessageVector[];
}

const notInJson: Readonly<Record<string, number>> = { '<<NaN>>': Number.NaN, '<<Infinity>>': Number.POSITIVE_INFINITY };

const path = new URL('../../vectors/gun/ham_vectors.json', import.meta.url);

export const hamVectors = JSON.parse(readFileSync(path, 'utf8'), (_key, value: unknown) =>
  typeof value === 'string' && value in notInJson ? notInJson[value] : value) as VectorFile;
