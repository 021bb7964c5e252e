// Generated files over every structural axis of each format: the right picture or a named refusal, with and without sharp.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { differential } from './differential.js';

const decoding = suite('differential');

for (const seed of [1, 2]) {
  decoding(`files of seed ${seed}: no wrong picture, no crash, no refusal of what has to work`, async () => {
    const { skipped, files, failures, markdown } = await differential({ seed });
    if (skipped !== undefined) {
      console.log(`skipped: ${skipped}`);
      return;
    }
    const totals = markdown.split('\n').filter((line) => line.startsWith('### ') || line.includes('| all |'));
    console.log(totals.join('\n'));
    assert.ok(files > 2000, `${files} files`);
    assert.equal(failures, []);
  });
}

decoding.run();
