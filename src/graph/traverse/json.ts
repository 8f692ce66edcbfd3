/** A graph as plain data: `{nodes, edges}`, as drawing and analysis programs take it, and as text for Graphviz. */
import type { Scalar } from '../data/types.ts';
import type { LimitName } from './reader.ts';
import type { Visit, Walk } from './walk.ts';

export interface JsonNode {
  readonly id: string;
  /** Fields that are no links; null for those that were deleted. Without a prototype. */
  readonly fields: Readonly<Record<string, Scalar>>;
  /** When each of `fields` was written: milliseconds since 1970, as in `data/types.ts`. */
  readonly states: Readonly<Record<string, number>>;
}

export interface JsonEdge {
  readonly source: string;
  readonly key: string;
  readonly target: string;
  readonly state: number;
}

export interface JsonGraph {
  readonly nodes: readonly JsonNode[];
  readonly edges: readonly JsonEdge[];
}

/** What a walk visits, whole: nodes without data are ends of edges only. `limitedBy` says what is missing. */
export async function toJsonGraph(steps: Walk): Promise<JsonGraph & { readonly limitedBy: LimitName | undefined }> {
  const nodes: JsonNode[] = [];
  const edges: JsonEdge[] = [];
  for await (const { soul, node } of steps) {
    if (node === undefined) continue;
    const fields: Record<string, Scalar> = Object.create(null) as Record<string, Scalar>;
    const states: Record<string, number> = Object.create(null) as Record<string, number>;
    for (const { key, value, state } of node.fields()) {
      if (typeof value === 'object' && value !== null) edges.push({ source: soul, key, target: value['#'], state });
      else {
        fields[key] = value;
        states[key] = state;
      }
    }
    nodes.push({ id: soul, fields, states });
  }
  return { nodes, edges, limitedBy: steps.limitedBy };
}

/** The `{nodes, edges}` as a program in Graphviz' DOT, piece by piece. Deleted fields are left out. */
export async function* toDot(steps: Walk): AsyncGenerator<string, void, void> {
  yield 'digraph graph_export {\n';
  for await (const visit of steps) yield dotOf(visit);
  yield '}\n';
}

function dotOf({ soul, node, edges }: Visit): string {
  const lines = node === undefined ? [] : [...node.fields()].filter(({ value }) => value !== null && typeof value !== 'object').map(({ key, value }) => `${key}: ${String(value)}`);
  const head = `  ${quoted(soul)} [label=${quoted([soul, ...lines].join('\n'))}];\n`;
  return head + edges.map((edge) => `  ${quoted(edge.source)} -> ${quoted(edge.target)} [label=${quoted(edge.key)}];\n`).join('');
}

/** DOT knows one escape in quoted text, `\"`; a backslash begins escapes of labels. NUL ends Graphviz' reading. */
function quoted(text: string): string {
  return `"${text.replaceAll('\0', '\u2400').replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
