/**
 * The control socket: how the command line, and any program of the same user, drives a running node.
 *
 * HTTP/1.1 over `<data-dir>/control.sock` (mode 0600), one route per call of `NodeApi`; `connectNode` gives that same
 * interface on the client's side, so that command line and library are written against one contract. Bytes:
 * `schema/control.md`.
 *
 * Promises: a streamed answer that did not end with its outcome is an error at the client, so a truncated object can
 * never look whole; a client that goes away aborts its call; errors keep their code, message and data. Neither side
 * holds more of a stream than a few chunks of at most 1 MiB.
 * Never: a link or a name in a URL (URLs end up in logs), a socket that another user can open.
 */
export { openControlServer, type ControlServer, type ControlServerOptions } from './server.ts';
export type { LostEvents } from './event-lines.ts';
export { connectNode, type IncomingFile, type LocalNode } from './client.ts';
export { describeFile, type LocalFile } from './local-file.ts';
export { controlSocketPath, isNodeRunning } from './socket.ts';
export { encodeTree, decodeTree } from './tree-stream.ts';
export type * from '../api/api.ts';
