/** What must be given back together: closing a scope closes all that was opened in it, once, children before parents. */
export class Scope {
  #closers: Set<() => void> | undefined;
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** Runs at once when the scope is closed already. */
  onClose(release: () => void): void {
    if (this.#closed) release();
    else (this.#closers ??= new Set()).add(release);
  }

  child(): Scope {
    const child = new Scope();
    if (this.#closed) {
      child.close();
      return child;
    }
    const close = (): void => child.close();
    this.onClose(close);
    child.onClose(() => this.#closers?.delete(close));
    return child;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const closers = this.#closers;
    this.#closers = undefined;
    if (closers) for (const release of [...closers].reverse()) release();
  }
}
