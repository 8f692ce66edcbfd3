/**
 * GUN's event emitter, as programs and plugins use it through `Gun.on` and `gun.on('tag', …)`: listeners of a tag are a
 * chain, and each decides by `this.to.next(message)` whether, when and with what the one after it is called.
 */
export interface Emitter {
  tag?: Record<string, Head>;
  /** What happens to a message that every listener of a tag passed on. */
  readonly ends?: Readonly<Record<string, (message: unknown) => void>>;
  on(name: string, listener: unknown, as?: unknown): Head | Listener;
}

type Callback = (this: Listener, message: any, event: Listener) => void;

interface Next {
  next(message: unknown): void;
}

export class Listener implements Next {
  readonly on: Emitter;
  readonly as: unknown;
  readonly the: Head;
  to: Next;
  back: Head | Listener;
  next: (message: unknown) => void;

  constructor(emitter: Emitter, head: Head, callback: Callback, as: unknown) {
    this.on = emitter;
    this.as = as;
    this.the = head;
    this.to = head.end;
    this.back = head.last;
    this.next = (message) => callback.call(this, message, this);
    head.last.to = this;
    head.last = this;
  }

  /** What is under way through this listener goes on to those after it. */
  off(): void {
    if (this.back.to !== this) return;
    this.back.to = this.to;
    this.next = (message) => this.to.next(message);
    if (this.to instanceof Listener) this.to.back = this.back;
    if (this.the.last === this) this.the.last = this.back;
  }
}

export class Head {
  readonly on: Emitter;
  readonly end: Next;
  to: Next;
  last: Head | Listener = this;

  constructor(emitter: Emitter, name: string) {
    this.on = emitter;
    this.end = { next: (message) => emitter.ends?.[name]?.(message) };
    this.to = this.end;
  }
}

/** With a function: listens. With anything else: calls the listeners with it. */
export function on(this: Emitter, name: string, listener: unknown, as?: unknown): Head | Listener {
  this.tag ??= Object.create(null) as Record<string, Head>;
  const head = (this.tag[name] ??= new Head(this, name));
  if (typeof listener === 'function') return new Listener(this, head, listener as Callback, as);
  if (listener !== undefined) head.to.next(listener);
  return head;
}
