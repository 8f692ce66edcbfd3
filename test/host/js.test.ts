import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPangeaError } from '../../src/errors/errors.ts';
import { describeHosts } from '../conformance/host.ts';
import { makeJsHost } from './makers.ts';

describeHosts('js', { first: makeJsHost, second: makeJsHost });

test('a bootstrap list with QUIC addresses is used as far as this host can, nonsense refused', async () => {
  const other = await makeJsHost();
  const tcp = other.multiaddrs()[0] ?? '';
  const host = await makeJsHost({ bootstrap: [tcp.replace(/\/tcp\/\d+/, '/udp/9/quic-v1'), tcp] });
  try {
    for (let tries = 0; tries < 500 && host.connectedPeers().length === 0; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(host.connectedPeers(), [other.peerId]);
    await assert.rejects(makeJsHost({ bootstrap: ['rubbish'] }), (error) => isPangeaError(error, 'ADDRESS_INVALID'));
  } finally {
    await Promise.all([host.close(), other.close()]);
  }
});
