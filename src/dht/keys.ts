/** How names become Kademlia keys. Other implementations depend on both: see `schema/dht-records.md`. */
import { PangeaError } from '../errors/errors.ts';
import { concatBytes, fromUtf8, utf8 } from '../std/std.ts';

const hashBytes = 32;
const sha256Multihash = new Uint8Array([0x12, 0x20]);
const maxKeyBytes = 300;

/** `12 20` ‖ 32 bytes. Throws on another length: a wrong key would be announced where nobody looks. */
export function providerKey(key: Uint8Array): Uint8Array {
  if (key.length !== hashBytes) throw new PangeaError('INTERNAL', `a provider key has ${hashBytes} bytes, not ${key.length}`);
  return concatBytes(sha256Multihash, key);
}

/** `/pangea/<type>/<id>` as UTF-8. */
export function valueKey(type: string, id: string): Uint8Array {
  const key = utf8(`/pangea/${type}/${id}`);
  if (!isType(type) || !isId(id) || key.length > maxKeyBytes) throw new PangeaError('USAGE', `'${type}/${id}' is no name of a DHT value`);
  return key;
}

/** The inverse for bytes from anywhere: `undefined` for what `valueKey` would not have made. */
export function parseValueKey(key: Uint8Array): { readonly type: string; readonly id: string } | undefined {
  if (key.length > maxKeyBytes) return undefined;
  let text: string;
  try {
    text = fromUtf8(key);
  } catch {
    return undefined;
  }
  const [empty, space, type, id, ...rest] = text.split('/');
  if (empty !== '' || space !== 'pangea' || type === undefined || id === undefined || rest.length > 0) return undefined;
  return isType(type) && isId(id) ? { type, id } : undefined;
}

function isType(type: string): boolean {
  return /^[a-z0-9-]{1,32}$/.test(type);
}

/** No slash, no control character, no byte order mark: a decoder would swallow that one. */
function isId(id: string): boolean {
  return id.length > 0 && id.length <= 200 && !/[\p{Cc}\p{Cs}/\uFEFF]/u.test(id);
}
