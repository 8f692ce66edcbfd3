/** Fields of the graph, as the schema has them and as the node has them. */
import type { List } from 'capnp-es';
import type { GraphField, GraphInput, GraphValue } from '../../api/api.ts';
import { PangeaError } from '../../errors/errors.ts';
import { limits } from '../limits.ts';
import { GraphValue_Which, type GraphField as FieldStruct, type GraphPutRequest, type GraphValue as ValueStruct } from '../schema/pangea.ts';
import { boundedList, neededText } from './read.ts';
import { fillStructs } from './write.ts';

/** A field around its texts: struct, value and the pointers to both. */
const fieldBytes = 72;

export function writeFields(to: List<FieldStruct>, fields: readonly GraphField[]): void {
  fillStructs(to, fields, (field, { key, value, state }) => {
    field.key = key;
    field.state = state;
    writeValue(field._initValue(), value);
  });
}

export function fieldsRoom(fields: readonly GraphField[]): number {
  return fields.reduce((sum, { key, value }) => {
    const text = typeof value === 'string' ? value : typeof value === 'object' && value !== null ? value['#'] : '';
    // Not three bytes a character for all of a text: most are ASCII, and a message that was guessed too small grows.
    return sum + fieldBytes + key.length + text.length;
  }, 0);
}

/** What a put sets. Throws `USAGE`, `TOO_MANY`, `TOO_LARGE`; whether the values can be in a graph is the graph's to say. */
export function readInput(params: GraphPutRequest): GraphInput {
  let chars = 0;
  const fields = boundedList('the put', params._hasFields(), () => params.fields, ({ key, value }) => {
    const read = readValue(value);
    chars += key.length + (typeof read === 'string' ? read.length : 0);
    if (chars > limits.graphPutChars) throw new PangeaError('TOO_LARGE', `a put has at most ${limits.graphPutChars} characters: put the fields in several`);
    if (key === '_') throw new PangeaError('USAGE', 'no field can be called _');
    return [neededText('the key of a field', key), read] as const;
  }, limits.graphFields);
  if (new Set(fields.map(([key]) => key)).size < fields.length) throw new PangeaError('USAGE', 'a put names a field twice');
  return Object.fromEntries(fields);
}

function readValue(value: ValueStruct): GraphValue {
  switch (value.which()) {
    case GraphValue_Which.NULL: return null;
    case GraphValue_Which.TEXT: return value.text;
    case GraphValue_Which.NUMBER: return value.number;
    case GraphValue_Which.BOOL: return value.bool;
    case GraphValue_Which.LINK: return { '#': neededText('the soul of a link', value.link) };
    default: throw new PangeaError('USAGE', 'a value is of a kind that this node does not know');
  }
}

function writeValue(to: ValueStruct, value: GraphValue): void {
  if (value === null) to.null = true;
  else if (typeof value === 'string') to.text = value;
  else if (typeof value === 'number') to.number = value;
  else if (typeof value === 'boolean') to.bool = value;
  else to.link = value['#'];
}
