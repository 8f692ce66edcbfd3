/** Who may connect to the js-libp2p host, and what it may dial. */
import type { ConnectionGater } from '@libp2p/interface';

import { ipOf, isLocalAddress, parseMultiaddr, transportPart } from '../addresses.ts';

export class Gate {
  /** Addresses that the operator named and that are being dialled: they pass whatever they are. */
  readonly #operator = new Map<string, number>();
  readonly #permits: (address: string) => boolean;
  readonly #onRefused: (remoteAddress: string) => void;

  constructor(permits: (address: string) => boolean, onRefused: (remoteAddress: string) => void) {
    this.#permits = permits;
    this.#onRefused = onRefused;
  }

  gater(): ConnectionGater {
    return {
      denyInboundConnection: (connection) => {
        const address = connection.remoteAddr.toString();
        const denied = !this.admits(address);
        if (denied) this.#onRefused(address);
        return denied;
      },
      denyDialMultiaddr: (address) => !this.mayDial(address.toString()),
    };
  }

  admits(remoteAddress: string): boolean {
    const ip = ipOf(remoteAddress);
    return ip !== undefined && this.#permits(ip);
  }

  /** Learned addresses inside this network are dialled only if they may connect here too; names cannot be checked and never are. */
  mayDial(multiaddr: string): boolean {
    const address = parseMultiaddr(multiaddr);
    if (!address) return false;
    if (this.#operator.has(transportPart(address))) return true;
    const ip = ipOf(multiaddr);
    return ip !== undefined && (!isLocalAddress(ip) || this.#permits(ip));
  }

  async asOperator<T>(transport: string, dial: () => Promise<T>): Promise<T> {
    this.#operator.set(transport, (this.#operator.get(transport) ?? 0) + 1);
    try {
      return await dial();
    } finally {
      const left = (this.#operator.get(transport) ?? 1) - 1;
      if (left > 0) this.#operator.set(transport, left);
      else this.#operator.delete(transport);
    }
  }
}
