/** Who is measured. */
import type { Opening } from './subjects/adapter.ts';

export interface Subject {
  readonly id: string;
  readonly program: URL;
  readonly opening: Opening;
  readonly env?: Readonly<Record<string, string>>;
}

const gunProgram = new URL('./subjects/gun.ts', import.meta.url);
const pangeaProgram = new URL('./subjects/pangea.ts', import.meta.url);

export const pangea: Subject = { id: 'pangea', program: pangeaProgram, opening: {} };
/** As it ships: its router AXE is on. */
export const gunDefault: Subject = { id: 'gun.js', program: gunProgram, opening: {} };
/** Every put to every peer: quicker for few peers. */
export const gunFlooding: Subject = { id: 'gun.js flooding', program: gunProgram, opening: { axe: false } };
