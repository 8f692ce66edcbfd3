/**
 * Who may import whom. One row a folder of `src`; a new arrow is a reviewed change of one line here.
 * `base` parts are open to everybody. The picture and the reasons stand in ARCHITECTURE.md.
 */
export const base = ['std', 'errors', 'ids', 'telemetry'] as const;

export const layers: Readonly<Record<string, readonly string[]>> = {
  std: [],
  errors: [],
  ids: ['std', 'errors'],
  telemetry: ['std', 'errors', 'ids'],

  native: [],
  identity: [],
  kv: [],

  body: ['native'],
  capabilities: ['native'],
  firewall: ['capabilities', 'native'],
  codec: ['body', 'capabilities', 'native'],
  store: ['body', 'capabilities', 'native'],
  host: ['identity', 'native', 'body'],
  transport: ['host', 'body', 'native'],
  dht: ['host', 'body', 'identity'],
  peers: ['kv'],
  objects: ['codec', 'store', 'transport', 'dht', 'peers', 'kv', 'body'],
  graph: ['kv', 'objects'],

  api: ['objects', 'peers', 'capabilities', 'graph'],
  control: ['api'],
  http: ['api'],
  rpc: ['api', 'native'],
  config: [],
  node: [
    'api', 'body', 'capabilities', 'codec', 'config', 'control', 'dht', 'firewall', 'graph', 'host', 'http', 'identity',
    'kv', 'native', 'objects', 'peers', 'rpc', 'store', 'transport',
  ],
  cli: ['node', 'control', 'config', 'api'],
};

/** Folders that may see only the types of what they import. */
export const typesOnly = ['api'] as const;
