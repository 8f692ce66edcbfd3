import { lookup } from 'node:dns/promises';

import { PangeaError } from '../errors/errors.ts';
import type { HostAddress } from './addresses.ts';

/** A name in an operator's address becomes the IP address it has now, so that one check covers all backends. */
export async function resolveNames(address: HostAddress): Promise<HostAddress> {
  if (address.family === 'ip4' || address.family === 'ip6') return address;
  const family = address.family === 'dns4' ? 4 : address.family === 'dns6' ? 6 : 0;
  try {
    const found = await lookup(address.host, { family });
    return { ...address, family: found.family === 6 ? 'ip6' : 'ip4', host: found.address };
  } catch (error) {
    throw new PangeaError('PEER_UNREACHABLE', `no address for the name ${address.host}`, { cause: error });
  }
}
