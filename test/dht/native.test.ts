import { describeDht } from '../conformance/dht.ts';
import { makeJsHost, makeNativeHost, nativeMissing } from '../host/makers.ts';
import { networkOf } from './networks.ts';

describeDht('native', networkOf(makeNativeHost), nativeMissing);
describeDht('native and js mixed', networkOf(makeNativeHost, makeJsHost), nativeMissing);
