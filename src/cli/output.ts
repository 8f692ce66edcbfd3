import { once } from 'node:events';
import type { PangeaError } from '../errors/errors.ts';
import { printable } from './format.ts';

/** What a command says. In JSON mode only `record` and `failure` speak. */
export interface Output {
  readonly json: boolean;
  /** One JSON document or line in JSON mode, otherwise the text (if any). */
  record(value: unknown, text?: string): void;
  /** For people, on stderr: progress told in words, hints. */
  note(text: string): void;
  failure(error: PangeaError): void;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    record: (value, text) => {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
      else if (text !== undefined) process.stdout.write(`${text}\n`);
    },
    note: (text) => {
      if (!json) process.stderr.write(`${text}\n`);
    },
    failure: ({ code, message, data }) => {
      process.stderr.write(json
        ? `${JSON.stringify({ error: { code, message, data } })}\n`
        // A remote's words may be in it: they are shown, and steer no terminal.
        : `pangea-node: ${code}: ${printable(message.replaceAll(/\s*\n\s*/g, ' '))}\n`);
    },
  };
}

/** A reader that closes the pipe (`| head`) ends the command as a signal would, without a word. */
export function quietOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 141 : 74));
  }
}

export async function closeOutput(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await once(stream, 'drain');
  }
}
