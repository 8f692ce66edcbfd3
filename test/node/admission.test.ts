import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFirewall } from '../../src/firewall/firewall.ts';
import { mayDial } from '../../src/node/admission.ts';

test('an address that a peer named is dialled only where it cannot reach inside, however it is written', () => {
  const nobody = createFirewall({ allow: [] });
  const inside = [
    '127.0.0.1', '10.1.2.3', '192.168.1.1', '172.20.0.1', '100.64.0.1', '169.254.169.254', '0.0.0.0', '224.0.0.1', '255.255.255.255',
    '::1', '0:0:0:0:0:0:0:1', '0::1', '::', '0:0:0:0:0:ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:a00:1', '64:ff9b::7f00:1', '2002:7f00:1::',
    'fd00::1', 'fe80::1', 'ff02::1',
  ];
  for (const ip of inside) {
    const family = ip.includes(':') ? 'ip6' : 'ip4';
    assert.equal(mayDial(nobody, `/${family}/${ip}/tcp/9091`), false, ip);
    assert.equal(mayDial(nobody, `${family === 'ip6' ? `[${ip}]` : ip}:9090`), false, ip);
  }
  for (const address of ['/dns4/localhost/tcp/1', 'localhost:1', 'x', '', '/', '/ip4/127.1/tcp/1', '/ip6/::1%lo/tcp/1']) assert.equal(mayDial(nobody, address), false, address);
  for (const address of ['/ip4/192.0.2.1/tcp/9091', '198.51.100.7:9090', '[2001:db8::1]:9090']) assert.equal(mayDial(nobody, address), true, address);
  const local = createFirewall({ allow: ['127.0.0.0/8', '10.0.0.0/8'] });
  for (const address of ['127.0.0.1:1', '/ip4/10.9.9.9/tcp/1', '[::ffff:10.0.0.1]:1']) assert.equal(mayDial(local, address), true, address);
});
