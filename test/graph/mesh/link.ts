/** A piece of network between two members: a TCP relay that can be cut, slowed down and healed. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Link {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Where the other end listens now; it changes when the member is started again. */
  readonly #target: () => number | undefined;
  #delayMs = 0;
  #cut = false;

  private constructor(target: () => number | undefined) {
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async open(target: () => number | undefined): Promise<Link> {
    const link = new Link(target);
    await new Promise<void>((resolve, reject) => link.#server.once('error', reject).listen(0, '127.0.0.1', resolve));
    return link;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/gun`;
  }

  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Everything later than now takes so much longer, in both directions. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  heal(): void {
    this.#cut = false;
    this.#delayMs = 0;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(near: Socket): void {
    const port = this.#target();
    if (this.#cut || port === undefined) {
      near.destroy();
      return;
    }
    const far = connect({ port, host: '127.0.0.1' });
    for (const [from, to] of [[near, far], [far, near]] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      this.#carry(from, to);
    }
  }

  /** One chunk after the other, also when the delay changes in between. */
  #carry(from: Socket, to: Socket): void {
    let last = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      const delayMs = this.#delayMs;
      const earliest = delayMs === 0 ? undefined : new Promise<void>((resolve) => void setTimeout(resolve, delayMs));
      last = last.then(() => earliest).then(() => void (to.writable && to.write(chunk)));
    });
  }
}
