/** The child's side of a `Part`: operations by name, answered one message each, until the channel closes. */
export type Operations = Readonly<Record<string, (argument: never) => unknown>>;

/** `close` runs when the parent is gone or has let go. */
export function answer(operations: Operations, close: () => Promise<void> | void = () => undefined): void {
  process.on('message', (message) => {
    const { id, op, argument } = message as { id: number; op: string; argument: never };
    void Promise.resolve()
      .then(() => {
        const operation = Object.hasOwn(operations, op) ? operations[op] : undefined;
        if (operation === undefined) throw new Error(`no such operation: ${op}`);
        return operation(argument);
      })
      .then((reply) => ({ id, reply: reply ?? null }), (error: unknown) => ({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }))
      .then((given) => process.connected && process.send?.(given));
  });
  process.once('disconnect', () => void Promise.resolve(close()).finally(() => process.exit()));
}
