/**
 * The command line: argv to commands. The only place with stdout and exit codes.
 *
 * Every command takes `--json`: one document or JSON lines on stdout, errors as `{"error":{code,message,data}}` on stderr.
 * Without it an error is exactly one line, `pangea-node: CODE: message`; `--verbose` adds where it came from. Exit codes are those of `errorCodes`.
 * Links and tickets go to stdout and nowhere else.
 */
import { asPangeaError, errorCodes } from '../errors/errors.ts';
import { closeOutput, createOutput, quietOnBrokenPipe } from './output.ts';
import { parseCommandLine } from './parse.ts';

/** Runs one command and gives the exit code of the process. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const output = createOutput(argv.includes('--json'));
  try {
    const invocation = await parseCommandLine(argv);
    if (invocation.kind === 'text') {
      process.stdout.write(`${invocation.text}\n`);
      return 0;
    }
    return (await invocation.run(output)) ?? 0;
  } catch (cause) {
    const error = asPangeaError(cause);
    output.failure(error);
    if (argv.includes('--verbose')) console.error(cause);
    return errorCodes[error.code];
  }
}

if (import.meta.main) {
  quietOnBrokenPipe();
  const code = await runCli(process.argv.slice(2));
  await closeOutput();
  // Not exitCode: a read from a terminal or pipe that is under way would keep the process alive.
  process.exit(code);
}
