import { simulateSeeds } from './simulation.ts';

simulateSeeds(26, 50);
