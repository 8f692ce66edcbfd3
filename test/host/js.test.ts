import { describeHosts } from '../conformance/host.ts';
import { makeJsHost } from './makers.ts';

describeHosts('js', { first: makeJsHost, second: makeJsHost });
