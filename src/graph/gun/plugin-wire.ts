import type { Mesh, WireSink } from '../dam/dam.ts';

/**
 * Plugins of gun.js that are transports listen for `out` and emit `in`. Here they are one more wire of the mesh, attached
 * with the first of them: what it is sent goes to `out`, message by message, and what is emitted as `in` comes from it.
 * Messages pass the same checks as those of any other peer.
 */
export class PluginWire {
  readonly #mesh: Mesh;
  readonly #out: (message: Record<string, unknown>) => void;
  #sink: WireSink | undefined;

  constructor(mesh: Mesh, out: (message: Record<string, unknown>) => void) {
    this.#mesh = mesh;
    this.#out = out;
  }

  attach(): void {
    this.#sink ??= this.#mesh.attach({
      name: 'plugin',
      dialled: true,
      send: (text) => this.#send(text),
      buffered: () => 0,
      close: () => {
        const sink = this.#sink;
        this.#sink = undefined;
        sink?.closed();
      },
    });
  }

  /** What is no message, or cannot be written as JSON, is dropped. */
  in(message: unknown): void {
    if (typeof message !== 'object' || message === null) return;
    this.attach();
    // `$` and `_` are objects of the process that a plugin passes along, and no part of the message.
    const { $, _, ...plain } = message as Record<string, unknown>;
    void $;
    void _;
    let text: string;
    try {
      text = JSON.stringify(plain);
    } catch {
      return;
    }
    this.#sink?.text(text);
  }

  #send(text: string): void {
    const frame = JSON.parse(text) as Record<string, unknown> | Record<string, unknown>[];
    // A turn later, since listeners may emit `in` at once.
    queueMicrotask(() => {
      for (const message of Array.isArray(frame) ? frame : [frame]) this.#out(message);
    });
  }
}
