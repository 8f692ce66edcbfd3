/**
 * Metrics, health and status over HTTP, for people and monitoring on this machine: `/metrics` (Prometheus),
 * `/healthz` (the process answers), `/readyz` (it serves), `/status` (JSON). Read only: GET and HEAD.
 *
 * It binds what it is told, loopback by default. Being local is no proof of right: a web page can make a
 * browser here ask any address, so requests must name this server in `Host`, and carry no foreign `Origin`.
 * It shows no link, no key and no name of an object.
 */
export { openHttpServer, type HttpServer, type HttpServerOptions } from './server.ts';
