/** Asks every configured STUN and TURN server for a binding (RFC 8489): whether it answers, and where it sees this node. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { DoctorCheck } from '../api/api.ts';
import type { NodeConfig } from '../config/config.ts';

const waitMs = 3_000;
const resendMs = 500;
const magicCookie = 0x2112a442;
const bindingRequest = 0x0001;
const bindingSuccess = 0x0101;
const xorMappedAddress = 0x0020;

export async function checkStun({ stun }: Pick<NodeConfig, 'stun'>): Promise<readonly DoctorCheck[]> {
  if (stun.length === 0) return [{ check: 'STUN servers', verdict: 'ok', detail: 'none configured: nobody is asked', advice: '' }];
  return Promise.all(stun.map(async (server): Promise<DoctorCheck> => {
    // A TURN server's entry carries its password.
    const shown = server.replace(/^turn:.*@/, 'turn:');
    const [, host = '', port = ''] = /^(?:stun:|turn:.*@)([^:]+):(\d+)$/.exec(server) ?? [];
    const check = `STUN server ${shown}`;
    try {
      return { check, verdict: 'ok', detail: `answers; it sees this node at ${await bindingOf(host, Number(port))}`, advice: '' };
    } catch (error) {
      return { check, verdict: 'failed', detail: (error as Error).message, advice: 'check its address, and whether a firewall lets UDP out' };
    }
  }));
}

/** `address:port` as the server saw it. Rejects when it does not answer within three seconds. */
function bindingOf(host: string, port: number): Promise<string> {
  const transaction = randomBytes(12);
  const request = Buffer.alloc(20);
  request.writeUInt16BE(bindingRequest, 0);
  request.writeUInt32BE(magicCookie, 4);
  transaction.copy(request, 8);
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const end = (settle: () => void): void => {
      clearInterval(asking);
      clearTimeout(late);
      socket.close();
      settle();
    };
    const ask = (): void => socket.send(request, port, host, (error) => error && end(() => reject(error)));
    const asking = setInterval(ask, resendMs);
    const late = setTimeout(() => end(() => reject(new Error(`no answer within ${waitMs / 1000} s`))), waitMs);
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('message', (answer) => {
      const seen = mappedAddress(answer, transaction);
      if (seen !== undefined) end(() => resolve(seen));
    });
    ask();
  });
}

/** The XOR-MAPPED-ADDRESS (RFC 8489, section 14.2) of an answer to this transaction; IPv4 alone, as it was asked. */
export function mappedAddress(answer: Buffer, transaction: Buffer): string | undefined {
  if (answer.length < 20 || answer.readUInt16BE(0) !== bindingSuccess || answer.readUInt32BE(4) !== magicCookie) return undefined;
  if (!answer.subarray(8, 20).equals(transaction)) return undefined;
  for (let at = 20; at + 4 <= answer.length;) {
    const type = answer.readUInt16BE(at);
    const length = answer.readUInt16BE(at + 2);
    if (at + 4 + length > answer.length) return undefined;
    if (type === xorMappedAddress && length === 8 && answer[at + 5] === 1) {
      const port = answer.readUInt16BE(at + 6) ^ (magicCookie >>> 16);
      const ip = (answer.readUInt32BE(at + 8) ^ magicCookie) >>> 0;
      return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}:${port}`;
    }
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return undefined;
}
