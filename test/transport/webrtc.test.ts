import { it } from 'node:test';
import { transportConformance } from '../conformance/transport.ts';
import { webrtcEnd, webrtcMissing } from './webrtc-ends.ts';

if (webrtcMissing !== false) it('transport webrtc', { skip: webrtcMissing }, () => undefined);
else transportConformance('webrtc', () => ({ makeEnd: (options) => webrtcEnd(options) }));
