// A process of its own that optimises one model folder and says how it went: one line of JSON.
import { optimizeModel } from '../../dist/esm/models/optimized/optimize.js';

const [, , folder = '', cacheDir = ''] = process.argv;
const started = (stage: string) => stage === 'reference' && process.stderr.write('started\n');
const { cached, files, directory } = await optimizeModel(folder, {
  cacheDir,
  onOptimize: ({ stage }) => started(stage),
});
console.log(JSON.stringify({ cached, files, directory }));
