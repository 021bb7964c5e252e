// Optimising real graphs: outliers that are planted are found and named, and what misses its target is not written.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GRAPH_FILE, optimizeGraph } from '../dist/esm/models/optimized/optimize-model.js';
import type { OptimizeProgress } from '../dist/esm/models/optimized/report.js';
import { GraphRunner } from '../dist/esm/models/optimized/graph-runner.js';
import { compareEmbeddings, holds, targetOf } from '../dist/esm/optimize/evaluate.js';
import { readModel } from '../dist/esm/optimize/onnx/read.js';
import { Folders, TINY_GRAPH, jobOf, spoiled, writeTower } from './helpers/optimizing.js';

const folders = new Folders();
const optimizing = suite('optimize model');
optimizing.after(() => folders.remove());

const quiet = () => undefined;

optimizing('a model without outliers: every layer becomes bytes, after one candidate', async () => {
  const job = jobOf(TINY_GRAPH, join(folders.make(), 'out'));
  const heard: OptimizeProgress[] = [];
  const report = await optimizeGraph(job, (progress) => heard.push(progress));
  assert.equal([report.reached, report.kept, report.evened, report.candidates], [true, [], [], 1]);
  assert.ok(report.fused.minCosine > 1 - 1e-6);
  assert.ok(holds(report.accuracy, job.target));
  assert.is(report.layers.length, 21);
  assert.ok(report.layers.every(({ kept, error }) => !kept && error === null));
  assert.ok(report.cost!.bytes.after < 0.5 * report.cost!.bytes.before);
  assert.is(report.cost!.float32Share, 0);
  assert.equal(report.images, { compared: 12, calibrated: 6 });
  assert.equal([...new Set(heard.map(({ stage }) => stage))], ['reference', 'calibrating', 'comparing']);
  assert.ok(heard.every(({ done, total }) => done <= total));
  assert.equal(readdirSync(job.directory), [GRAPH_FILE]);
  assert.equal(JSON.parse(JSON.stringify(report)), report, 'plain data');
});

optimizing(
  'planted outliers: plain int8 misses, the guard names their layers and reaches the target',
  async () => {
    for (const layers of [[1], [0, 2]]) {
      const folder = folders.make();
      const job = jobOf(await writeTower(folder, layers), join(folder, 'out'));
      const report = await optimizeGraph(job, quiet);
      assert.not(holds(report.plain, job.target), 'or there would be nothing to guard');
      assert.equal([report.reached, report.kept], [true, []]);
      assert.equal([...report.evened].sort(), layers.map(spoiled));
      assert.equal(
        report.layers.filter(({ evened }) => evened).map(({ name }) => name),
        layers.map(spoiled),
      );
      const loudest = [...report.layers].sort((a, b) => b.error! - a.error!).slice(0, layers.length);
      assert.equal(loudest.map(({ name }) => name).sort(), layers.map(spoiled));
      assert.is(report.cost!.float32Share, 0);

      // Not what the report says, but what the file does.
      const runner = await GraphRunner.open(job.images, 1);
      const [before, after] = [
        await runner.embed(job.path, () => true),
        await runner.embed(join(job.directory, GRAPH_FILE), () => true),
      ];
      const accuracy = compareEmbeddings(before.vectors, after.vectors);
      assert.ok(holds(accuracy, job.target));
      assert.equal(accuracy, report.accuracy);
    }
  },
);

optimizing('where evening out is not enough, the most sensitive layers stay in float32', async () => {
  const folder = folders.make();
  const job = { ...jobOf(await writeTower(folder, [1]), join(folder, 'out')), target: targetOf(0.99996) };
  const report = await optimizeGraph(job, quiet);
  assert.ok(report.reached);
  assert.ok(holds(report.accuracy, job.target));
  assert.ok(report.kept.length > 0 && report.kept.length < report.layers.length);
  assert.equal(report.kept.length + report.evened.length, report.layers.length);
  assert.ok(report.cost!.float32Share > 0 && report.cost!.float32Share < 1);
  const runner = await GraphRunner.open(job.images, 1);
  const [before, after] = [
    await runner.embed(job.path, () => true),
    await runner.embed(join(job.directory, GRAPH_FILE), () => true),
  ];
  assert.equal(compareEmbeddings(before.vectors, after.vectors), report.accuracy);
});

optimizing('a target out of reach: nothing is written; with force, all of it is bytes', async () => {
  const folder = folders.make();
  const job = { ...jobOf(TINY_GRAPH, join(folder, 'out')), target: targetOf(0.99999999) };
  const report = await optimizeGraph(job, quiet);
  assert.equal([report.reached, report.kept, report.cost], [false, [], null]);
  assert.equal(readdirSync(job.directory), []);

  const forced = await optimizeGraph({ ...job, force: true }, quiet);
  assert.is(forced.reached, false);
  assert.equal(forced.accuracy, report.plain);
  assert.equal(readdirSync(job.directory), [GRAPH_FILE]);
});

optimizing('force takes the guarded graph where there is one', async () => {
  const folder = folders.make();
  const job = { ...jobOf(await writeTower(folder, [3]), join(folder, 'out')), force: true };
  const report = await optimizeGraph(job, quiet);
  assert.equal([report.reached, report.evened], [true, [spoiled(3)]]);
  assert.equal(readdirSync(job.directory), [GRAPH_FILE]);
});

optimizing('weights outside of the graph; float32 weights that were replaced are gone', async () => {
  const folder = folders.make();
  const job = jobOf(await writeTower(folder, [1], 1000, true), join(folder, 'out'));
  const report = await optimizeGraph(job, quiet);
  assert.equal([report.reached, report.evened], [true, [spoiled(1)]]);
  const model = await readModel(join(job.directory, GRAPH_FILE));
  const used = new Set(model.graph.node.flatMap(({ input }) => input));
  assert.equal(
    model.graph.initializer.map(({ name }) => name).filter((name) => !used.has(name)),
    [],
  );
});

optimizing.run();
