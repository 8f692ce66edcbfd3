/** What a page loads in place of gun.js and sea.js: `<script src="pangea-gun.min.js"></script>` sets `Gun`, `GUN` and `SEA`. */
import { Gun, SEA } from './gun/page.ts';

Object.assign(globalThis, { Gun, GUN: Gun, SEA });
