/** Who is in a mesh, and who dials whom. */
export interface MemberPlan {
  readonly name: string;
  readonly runs: 'pangea' | 'gun.js' | 'gun.js in Chromium';
  readonly relay: boolean;
  readonly dials: readonly string[];
  /** Keeps the graph over a crash. */
  readonly disk: boolean;
  readonly axe?: boolean;
}

const relay = (name: string, ...dials: string[]): MemberPlan => ({ name, runs: 'pangea', relay: true, dials, disk: true });
const end = (name: string, dials: string): MemberPlan => ({ name, runs: 'pangea', relay: false, dials: [dials], disk: false });
const gun = (name: string, dials: string): MemberPlan => ({ name, runs: 'gun.js', relay: false, dials: [dials], disk: false });

/** gun.js keeps nothing on disk here: what its store loses would hide what the mesh loses. `gun relay on disk` is for that. */
export const topologies = {
  star: [relay('R1'), gun('A', 'R1'), gun('B', 'R1'), end('C', 'R1')],
  'chain of two': [relay('R1'), relay('R2', 'R1'), gun('A', 'R1'), gun('B', 'R2'), end('C', 'R2')],
  'cycle of three': [relay('R1', 'R3'), relay('R2', 'R1'), relay('R3', 'R2'), gun('A', 'R1'), gun('B', 'R2'), gun('C', 'R3')],
  'gun.js in the middle': [relay('R1', 'G'), { ...gun('G', ''), relay: true, dials: [] }, relay('R2', 'G'), gun('A', 'R1'), gun('B', 'R2')],
  'gun.js with AXE in the middle': [relay('R1', 'G'), { ...gun('G', ''), relay: true, dials: [], axe: true }, relay('R2', 'G'), gun('A', 'R1'), gun('B', 'R2')],
  'gun.js on disk in the middle': [relay('R1', 'G'), { ...gun('G', ''), relay: true, dials: [], disk: true }, relay('R2', 'G'), gun('A', 'R1'), gun('B', 'R2')],
} as const satisfies Readonly<Record<string, readonly MemberPlan[]>>;

export type Topology = keyof typeof topologies;

/** The same with pages in place of the gun.js that runs in Node. */
export function inPages(plan: readonly MemberPlan[]): readonly MemberPlan[] {
  return plan.map((member) => (member.runs === 'gun.js' && !member.relay ? { ...member, runs: 'gun.js in Chromium' } : member));
}
