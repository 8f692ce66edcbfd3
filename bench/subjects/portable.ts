/** The codec in TypeScript, which runs everywhere. */
import { bodyFrom } from '../../src/body/body.ts';
import { createPortableCodec } from '../../src/codec/codec.ts';
import { version } from '../../src/node/version.ts';
import { codecSubject } from './codec.ts';
import { serve } from './serve.ts';

await serve(() => codecSubject(createPortableCodec(), { version, language: `TypeScript, Node ${process.versions.node}`, body: bodyFrom }));
