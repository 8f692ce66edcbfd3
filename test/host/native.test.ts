import { describeHosts } from '../conformance/host.ts';
import { makeJsHost, makeNativeHost, nativeMissing } from './makers.ts';

describeHosts('native', { first: makeNativeHost, second: makeNativeHost }, nativeMissing);
describeHosts('native dials js', { first: makeNativeHost, second: makeJsHost }, nativeMissing);
describeHosts('js dials native', { first: makeJsHost, second: makeNativeHost }, nativeMissing);
