/**
 * Interface pointers of capnp-es messages: how a capability is put into results or parameters, and read out of them.
 *
 * Both go by the index of the field in the struct's pointer section, which stands in the generated code: the getter of
 * `GetRequest.sink` says `getInterfaceClientOrNullAt(2, this)`, so its index is 2, that of `LoginResponse.session` 0.
 *
 *   const sink = capabilityAt(request, 2);             // Servant, RemoteCapability or undefined for null
 *   setCapability(response, 0, sessionServant);        // nothing to list in `Outcome.capabilities`
 *
 * The capabilities lie in the message's own table, where `setCapability` appends and the engine looks. The generated
 * accessors (`request.sink`, `sink.client`) read the same table, but cannot tell a null pointer from capability 0, and a
 * hostile message may hold anything there: use these.
 */
import { utils, type Message, type Struct } from 'capnp-es';
import { PangeaError } from '../../errors/errors.ts';
import type { Capability } from './engine.ts';

/** Low bits of a pointer word that names a capability; the index stands in the upper half. */
const capabilityPointer = 3;

/** The capability that pointer field `pointerIndex` names, or `undefined` when it is null. `PROTOCOL` when it is something else. */
export function capabilityAt(struct: Struct, pointerIndex: number): Capability | undefined {
  const pointer = utils.getPointer(pointerIndex, struct);
  if (utils.isNull(pointer)) return undefined;
  if (pointer.segment.getUint32(pointer.byteOffset) !== capabilityPointer) throw new PangeaError('PROTOCOL', 'a capability was expected, and the pointer is another');
  const found = tableOf(pointer.segment.message)[utils.getInterfacePointer(pointer)];
  if (found === undefined) throw new PangeaError('PROTOCOL', 'a pointer names a capability that the message does not bring');
  return found;
}

/** Lets pointer field `pointerIndex` of a message under construction name `capability`. */
export function setCapability(struct: Struct, pointerIndex: number, capability: Capability): void {
  const pointer = utils.getPointer(pointerIndex, struct);
  const table = pointer.segment.message;
  utils.setInterfacePointer(table.addCap(capability as never), pointer);
}

/** What the interface pointers of `message` name, by index. */
export function tableOf(message: Message): readonly (Capability | undefined)[] {
  return (message._capnp.capTable ?? []) as unknown as readonly (Capability | undefined)[];
}

/** Gives a received message its capabilities. */
export function setTable(message: Message, capabilities: readonly (Capability | undefined)[]): void {
  if (capabilities.length > 0) message._capnp.capTable = capabilities as never;
}
