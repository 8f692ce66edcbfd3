import { it } from 'node:test';
import { transportConformance } from '../conformance/transport.ts';
import { nativeMissing } from '../host/makers.ts';
import { doomedEnd, libp2pEnd } from './ends.ts';

transportConformance('libp2p on the js host', () => ({ makeEnd: libp2pEnd('js'), makeDoomed: () => doomedEnd('js') }));

if (nativeMissing !== false) it('transport libp2p on the native host', { skip: nativeMissing }, () => undefined);
else transportConformance('libp2p on the native host', () => ({ makeEnd: libp2pEnd('native'), makeDoomed: () => doomedEnd('native') }));
