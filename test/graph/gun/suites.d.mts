export interface SuiteResult {
  readonly passed: readonly string[];
  readonly failed: readonly { readonly title: string; readonly error: string }[];
  readonly pending: readonly string[];
  readonly foreign: { readonly passed: readonly string[]; readonly failed: readonly string[] };
}
export type Expected = Readonly<Record<string, Readonly<Record<string, { readonly whose: string; readonly why: string }>>>>;
export function expected(): Promise<Expected>;
export function runSuite(name: string, options?: { readonly timeoutMs?: number; readonly atOnce?: number }): Promise<SuiteResult>;
export function surprises(name: string, result: SuiteResult, known: Expected): string[];
