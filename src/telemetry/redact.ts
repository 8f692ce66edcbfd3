/**
 * Keeps secrets out of the log, whatever a caller passes. Two nets: the name of a field, and text that
 * looks like a link or a ticket wherever it stands, also inside messages and error texts.
 */
const secretName = /(?:key|link|ticket|secret|phrase|seed|token)s?$/i;
const secretText = /pangea(?:-ticket)?:1:[a-z2-7]*/gi;
const hidden = '[redacted]';

const maxDepth = 6;
const maxItems = 64;
const maxTextLength = 4096;

export function redactText(text: string): string {
  const shown = text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text;
  return shown.replace(secretText, hidden);
}

/** A copy fit for JSON: bounded in depth and length, bytes shown by their count only. */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactObject(fields, maxDepth);
}

function redactObject(fields: object, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields).slice(0, maxItems)) {
    // Counts and flags such as `hasKey` or `tokens: 3` say nothing secret.
    const plain = value === undefined || value === null || typeof value === 'number' || typeof value === 'boolean';
    out[redactText(name)] = secretName.test(name) && !plain ? hidden : redactValue(value, depth - 1);
  }
  return out;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? '[function]' : value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth <= 0) return '[nested]';
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return value;
  if (Array.isArray(value) || value instanceof Set) {
    return [...value].slice(0, maxItems).map((item) => redactValue(item, depth - 1));
  }
  return redactObject(value instanceof Map ? Object.fromEntries(value) : value, depth);
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const facts = redactObject(error, depth);
  return {
    ...facts,
    type: error.name,
    message: redactText(error.message),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: redactValue(error.cause, depth - 1) }),
  };
}
