/** The bootstrap capability: `NodeService` for everybody, and the door to a session. */
import { PangeaError } from '../../errors/errors.ts';
import { setCapability } from '../engine/capabilities.ts';
import type { Servant } from '../engine/engine.ts';
import { limits } from '../limits.ts';
import { allRights } from '../rights.ts';
import { About, AboutRequest, LoginRequest, LoginResponse, PangeaNode$Client } from '../schema/pangea.ts';
import { Authority } from './authority.ts';
import { answer, method, servantOf } from './method.ts';
import { nodeService } from './node-service.ts';
import { writeRights } from './rights-struct.ts';
import { openSession } from './session.ts';
import type { Surface } from './surface.ts';

export function pangeaNode(surface: Surface): Servant {
  return servantOf(surface, 'PangeaNode', [nodeService(surface), {
    schema: PangeaNode$Client,
    methods: [
      method(surface, AboutRequest, About, () => undefined, async () => {
        const { version, nodeId, peerId, network, isTokenNeeded } = await surface.facts();
        return answer((about) => {
          about.version = version;
          about.nodeId = nodeId;
          about.peerId = peerId;
          about.isPrivateNetwork = network === 'private';
          about.isTokenNeeded = isTokenNeeded;
          about.maxMessageBytes = BigInt(limits.messageBytes);
          about.chunkBytes = limits.chunkBytes;
        });
      }),
      method(surface, LoginRequest, LoginResponse, ({ token }) => token, async (token, { signal }) => {
        await checkToken(surface, token, signal);
        const session = openSession(surface, new Authority(allRights, surface.clock));
        return answer((response) => {
          setCapability(response, 0, session);
          writeRights(response._initRights(), allRights);
        });
      }),
    ],
  }]);
}

/** The longest text that can be a token; a longer one is wrong without being looked at. */
const longestToken = 256;

async function checkToken({ node, logins, logger, address, count }: Surface, token: string, signal: AbortSignal): Promise<void> {
  if (token.length <= longestToken && (await node.login(token))) return logins.succeeded(address);
  count('refusals', 'token');
  await logins.failed(address, signal, (failures) => logger.warn({ address, failures }, 'an RPC client showed a wrong token'));
  throw new PangeaError('DENIED', 'this is not the token of this node: "pangea-node token" prints it');
}
