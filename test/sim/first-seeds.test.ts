import { simulateSeeds } from './simulation.ts';

simulateSeeds(1, 25);
