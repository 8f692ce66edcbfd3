import { storeConformance } from '../conformance/store.ts';
import { diskPlace, nodeFs } from './places.ts';

storeConformance('node-fs', (sizes) => diskPlace(nodeFs, sizes));
