import { describeDht } from '../conformance/dht.ts';
import { makeJsHost } from '../host/makers.ts';
import { networkOf } from './networks.ts';

describeDht('js', networkOf(makeJsHost));
