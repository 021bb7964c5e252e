// npm run bench:models: writes full-size SigLIP models of random weights, which the benchmarks run, and says where.
import { modelFolder } from './folder.js';
import { MODEL_SIZES, type ModelName } from './sizes.js';

const known = Object.keys(MODEL_SIZES) as ModelName[];
const names = process.argv.slice(2);
const wrong = names.filter((name) => !(known as string[]).includes(name));
if (names.length === 0 || wrong.length > 0) {
  process.stdout.write(`Usage: npm run bench:models -- NAME...\n  NAME  ${known.join(', ')}\n`);
  process.exit(1);
}
for (const name of names as ModelName[]) {
  const started = performance.now();
  const folder = await modelFolder(name);
  process.stdout.write(`${name}\t${folder}\t${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}
