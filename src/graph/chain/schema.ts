import type { Link, Scalar } from '../data/types.ts';
import type { Chain } from './words.ts';

/**
 * How a program's types become those of a chain. A schema is written as the data would be read by following links:
 *
 *     interface Person { name: string; age: number; spouse: Person; friends: SetOf<Person> }
 *     interface Schema { people: SetOf<Person>; title: { text: string } }
 *
 * Objects are nodes of their own, so where a node is read they are links; `get` goes through them.
 * In a graph that others write to, no field is ever sure to be there: all are optional, and deleted ones null.
 */
export type SetOf<Item> = Readonly<Record<string, Item>>;

type IsAny<T> = 0 extends 1 & T ? true : false;

/** Keys that `get` takes here. */
export type KeyOf<T> = IsAny<T> extends true ? string : T extends Scalar ? never : string & keyof T;

/** What `get(key)` leads to. */
export type At<T, Key> = IsAny<T> extends true ? any : Key extends keyof T ? NonNullable<T[Key]> : never;

/** What `map` leads to, and what `set` takes. */
export type ItemOf<T> = IsAny<T> extends true ? any : T extends Scalar ? never : NonNullable<T[keyof T & string]>;

export interface Meta {
  readonly '#': string;
  readonly '>': Readonly<Record<string, number>>;
}

/** What callbacks get: a scalar, or a node with links where the schema has objects. */
export type DataOf<T> = IsAny<T> extends true ? any : T extends Scalar ? T : { readonly _: Meta } & { readonly [Key in keyof T]?: FieldOf<NonNullable<T[Key]>> | null };

type FieldOf<Value> = Value extends Scalar ? Value : Link;

/** What `put` takes: scalars, links, chains, and objects with any part of the fields. */
export type InputOf<T> = IsAny<T> extends true ? any : T extends Scalar ? T : InputNode<T> | Link | Chain<T>;

type InputNode<T> = { readonly [Key in keyof T]?: InputOf<NonNullable<T[Key]>> | null } & { readonly _?: { readonly '#': string } };

/** What `open` and `load` give: the nodes themselves where `DataOf` has links. */
export type DocumentOf<T> = IsAny<T> extends true ? any : T extends Scalar ? T : { readonly _: Meta } & { readonly [Key in keyof T]?: DocumentOf<NonNullable<T[Key]>> | null };
