// The demo: embeds photos through the worker pool, finds neighbours of altered copies and of texts, labels photos, prints timings.
//
//   npm run demo                 the photos beside this file
//   npm run demo -- PATH...      your own files or folders
import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Transformer } from '@napi-rs/image';
import { SemanticVision, VectorIndex, VisionError } from 'semantic-vision';

const PHOTOS = fileURLToPath(new URL('photos', import.meta.url));
const QUERIES = ['two-dogs', 'cat-face', 'mountain-peaks', 'allium-flower', 'harbour-boats', 'coffee-cup'];
const TEXTS = ['a dog', 'mountains', 'a boat in a harbour', 'a cup of coffee', 'a cat', 'flowers'];
const LABELS = ['dog', 'cat', 'mountain', 'boat', 'flower', 'cup of coffee', 'rocket', 'bird'];
const NEIGHBOURS = 3;
// Two photos below this are nothing alike to the bundled model: most pairs lie around 0.05.
const ALIKE = 0.25;

/** All files at and below the given paths: which of them are images the library says. */
async function findFiles(paths) {
  const found = [];
  for (const path of paths) {
    const entry = await stat(path).catch(() => undefined);
    if (entry === undefined) throw new Error(`Nothing exists at ${path}: give files or folders of images.`);
    if (!entry.isDirectory()) {
      found.push(path);
      continue;
    }
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    found.push(...entries.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name)));
  }
  return found.sort();
}

/** A copy with a tenth cut off each side, made smaller and compressed again: another file, the same picture. */
async function alteredCopy(path) {
  const bytes = await readFile(path);
  const { width, height } = await new Transformer(bytes).metadata();
  return new Transformer(bytes)
    .crop(Math.round(width / 10), Math.round(height / 10), Math.round(width * 0.8), Math.round(height * 0.8))
    .resize(Math.round(width / 3))
    .jpeg(60);
}

function show(query, results, alike = -1) {
  const shown = results.map(
    ({ id, similarity }) => `${id} ${similarity.toFixed(2)}${similarity < alike ? ' (unlike)' : ''}`,
  );
  console.log(`  ${query.padEnd(24)} ${shown.join(', ')}`);
}

function showLabels(query, labels) {
  const shown = labels.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`);
  console.log(`  ${query.padEnd(24)} ${shown.join(', ')}`);
}

async function main() {
  const own = process.argv.slice(2);
  const paths = await findFiles(own.length > 0 ? own : [PHOTOS]);
  if (paths.length === 0) throw new Error(`No files found in ${own.join(', ')}`);
  // Ids are short for the bundled photos and relative paths for one's own.
  const idOf = (path) => (own.length > 0 ? relative('.', path) : basename(path, extname(path)));

  const started = performance.now();
  const vision = await SemanticVision.create();
  const { id, dimensions, imageSize } = vision.model;
  console.log(
    `Model "${id}" (${dimensions} dimensions, ${imageSize} px) ready in ${ms(performance.now() - started)}`,
  );

  const index = VectorIndex.create({ dimensions, model: vision.model.fingerprint });
  const embedding = performance.now();
  const embedded = [];
  let position = 0;
  let others = 0;
  for await (const result of vision.embedImages(paths)) {
    const path = paths[position++];
    if (result.ok) {
      index.add(idOf(path), result.embedding);
      embedded.push(path);
    } else if (result.error.code === 'UNSUPPORTED_FORMAT') others++;
    else console.log(`  skipped ${path}: ${result.error.code}`);
  }
  const elapsed = performance.now() - embedding;
  if (own.length > 0 && others > 0)
    console.log(`  skipped ${others} files that are no images, or of a kind that is not read`);
  if (index.size === 0) throw new Error('None of the images could be embedded.');

  const searches = [];
  const search = (query) => {
    const start = performance.now();
    const results = index.search(query, { k: NEIGHBOURS });
    searches.push(performance.now() - start);
    return results;
  };

  const queries =
    own.length > 0 ? embedded.slice(0, QUERIES.length) : QUERIES.map((name) => join(PHOTOS, `${name}.jpg`));
  console.log(`\nNearest neighbours of altered copies (cropped, shrunk to a third, compressed again):`);
  for (const path of queries) {
    try {
      show(idOf(path), search(await vision.embedImage(await alteredCopy(path))), ALIKE);
    } catch (error) {
      console.log(`  skipped ${path}: ${error instanceof VisionError ? error.code : error.message}`);
    }
  }
  console.log('\nBest photos for a text:');
  for (const text of TEXTS) show(`"${text}"`, search(await vision.embedText(text)));

  console.log(`\nProbability of each label by itself (${LABELS.join(', ')}):`);
  for (const path of queries) {
    const ranked = await vision.classify(path, LABELS).catch((error) => error);
    if (ranked instanceof Error) console.log(`  skipped ${path}: ${ranked.code}`);
    else showLabels(idOf(path), ranked.slice(0, NEIGHBOURS));
  }

  const { timings, workers, intraOpNumThreads } = vision.stats();
  const perSecond = (index.size / elapsed) * 1000;
  console.log(`\nTimings, mean per image (${workers} workers x ${intraOpNumThreads} threads):`);
  console.log(
    `  decode ${ms(timings.decode.meanMs)}, resize and normalise ${ms(timings.preprocess.meanMs)}, ` +
      `inference ${ms(timings.inference.meanMs)}, search ${ms(searches.reduce((a, b) => a + b) / searches.length)}`,
  );
  console.log(`  ${index.size} images in ${ms(elapsed)}: ${perSecond.toFixed(1)} images/s`);

  await index.close();
  await vision.close();
}

function ms(value) {
  return value >= 100 ? `${value.toFixed(0)} ms` : `${value.toPrecision(2)} ms`;
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));

main().catch((error) => {
  console.error(error instanceof VisionError ? `${error.code}: ${error.message}` : error.message);
  process.exitCode = 1;
});
