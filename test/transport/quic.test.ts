import { it } from 'node:test';
import { transportConformance } from '../conformance/transport.ts';
import { doomedEnd, quicEnd, quicMissing } from './ends.ts';

if (quicMissing !== false) it('transport quic', { skip: quicMissing }, () => undefined);
else transportConformance('quic', () => ({ makeEnd: quicEnd, makeDoomed: () => doomedEnd('quic') }));
