/** Examples of a document as one program: each `ts` block a function, each `// → value` an assertion. */
import { readFileSync } from 'node:fs';

/** The text of a module that exports `examples`, functions by the line at which they stand. */
export function programOf(document: string): string {
  const blocks = readFileSync(document, 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm);
  const functions = Array.from(blocks, ({ 0: whole, 1: code = '', input, index }) => {
    const line = input.slice(0, index).split('\n').length;
    if (!whole.includes('// →')) throw new Error(`${document}:${line}: an example that says nothing`);
    return `  ${line}: async (graph: Graph<any>, relay: string) => {{\n${code.split('\n').map(checked).join('\n')}\n  }},`;
  });
  return `export const examples = {\n${functions.join('\n')}\n};\n`;
}

/** `expression; // → value` and `… expression; // → value` behind a `for` become comparisons. */
function checked(line: string): string {
  const match = /^(\s*(?:for .*?\) )?)(.*); \/\/ → (.*)$/.exec(line);
  if (!match) return line;
  return `${match[1]}same(await (${match[2]}), ${match[3]});`;
}
