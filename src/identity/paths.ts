/** Where the secrets stand in a data directory. */
import { join } from 'node:path';

export const identityPath = (directory: string): string => join(directory, 'identity.key');
export const ownerPath = (directory: string): string => join(directory, 'owner.key');
export const membershipPath = (directory: string): string => join(directory, 'network.key');
