// sharp as the library loads it: its ES module does not load on Node 20.9, and would be another copy.
import { createRequire } from 'node:module';
import type Sharp from 'sharp';

export default createRequire(import.meta.url)('sharp') as typeof Sharp;
