// The commands, their arguments and options, and their help.
import { Argument, Command, Option, type CommanderError } from 'commander';
import type { EmbedFlags } from './commands/embed.js';
import type { ClassifyFlags } from './commands/classify.js';
import type { IndexBuildFlags } from './commands/index-build.js';
import type { IndexSearchFlags } from './commands/index-search.js';
import type { VerifyFlags } from './commands/model.js';
import type { OptimizeFlags } from './commands/model-optimize.js';
import type { Context } from './context.js';
import { CommandError, type ExitCode } from './failure.js';
import {
  commaList,
  cosine,
  npyPath,
  positiveInteger,
  positiveSeconds,
  withCacheFlags,
  withOriginFlags,
  withOutputFlags,
  withRunFlags,
  withSourceFlags,
  type CommonFlags,
  type ModelFlags,
} from './flags.js';

/** Runs a command's work with its context; the exit code is kept by whoever gives this. */
export type Runner = (flags: CommonFlags, work: (context: Context) => Promise<ExitCode>) => Promise<void>;

type SourceFlags = CommonFlags & Omit<ModelFlags, 'model'>;

const EXIT_CODES = `
Exit codes:
  0    done
  1    some inputs could not be used, or a model's values are off
  2    wrong usage
  3    anything else: model or index not found, network, disk, memory
  130  stopped by Ctrl-C (143 by SIGTERM); what was finished is kept`;

const MODEL_ID = 'name from "model list", hub id such as google/siglip-base-patch16-224, or folder';

/**
 * Defines the command line. Commands are imported only when they run, so that help comes at once.
 * @param version - of the package
 * @param run - what an action hands its work to
 * @returns the program; parsing throws `USAGE` as {@link CommandError}, and CommanderError with exit code 0 after help
 */
export function createProgram(version: string, run: Runner): Command {
  const program = new Command('semantic-vision')
    .description('SigLIP-family image and text embeddings on the CPU: embed, classify, index, search.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError()
    .addHelpText('after', EXIT_CODES);
  addModelCommands(program.command('model').description('list, download and check models'), run);
  addEmbed(program, run);
  addClassify(program, run);
  addIndexCommands(program.command('index').description('build and search an index of images'), run);
  throwUsageErrors(program);
  return program;
}

function addModelCommands(model: Command, run: Runner): void {
  const list = model
    .command('list')
    .description('list the models known by name, and what of them is on disk')
    .option('--cache-dir <folder>', 'where downloads are kept')
    .addHelpText('after', '\nWith --json: one array.')
    .action((flags: SourceFlags) =>
      run(flags, async (context) => (await import('./commands/model.js')).modelList(flags, context)),
    );
  withOutputFlags(list);

  const pull = model
    .command('pull')
    .description('download a model into the cache; a download that was interrupted is resumed')
    .addArgument(new Argument('<id>', MODEL_ID))
    .addHelpText('after', '\nPrints the folder; with --json one document with the files.')
    .action((id: string, flags: SourceFlags) =>
      run(flags, async (context) => (await import('./commands/model.js')).modelPull(id, flags, context)),
    );
  const info = model
    .command('info')
    .description('show what is known of a model that is on this machine')
    .addArgument(new Argument('<id>', MODEL_ID))
    .addHelpText('after', '\nWith --json: one document.')
    .action((id: string, flags: SourceFlags) =>
      run(flags, async (context) => (await import('./commands/model.js')).showModel(id, flags, context)),
    );
  const verify = model
    .command('verify')
    .description('hash the files of a model anew, run its published reference values and compare')
    .addArgument(new Argument('<id>', MODEL_ID))
    .option('--reference <file>', 'JSON with reference values, in place of those that this version knows')
    .addHelpText('after', '\nWith --json: one document. Exit code 1 when a value is off.')
    .action((id: string, flags: CommonFlags & VerifyFlags) =>
      run(flags, async (context) => (await import('./commands/model.js')).modelVerify(id, flags, context)),
    );
  const optimize = model
    .command('optimize')
    .description('make the int8 form of a model ahead of time, and say what it costs')
    .addArgument(new Argument('<id>', MODEL_ID))
    .option(
      '--calibrate <folder>',
      'images to calibrate and compare with (default: 30 photos of the package)',
    )
    .addOption(
      new Option('--target <cosine>', 'least mean cosine to the float32 model (default: 0.999)').argParser(
        cosine,
      ),
    )
    .option('--force', 'keep the graph even if it misses the target')
    .addHelpText(
      'after',
      `
Layers that would cost too much accuracy stay in float32. With --json: one document, the report. Exit code 1 when the
target is missed; nothing is written then without --force.
With --calibrate, --target or --force the result is used by programs that give the same as option "optimize".`,
    )
    .action((id: string, flags: CommonFlags & OptimizeFlags) =>
      run(flags, async (context) =>
        (await import('./commands/model-optimize.js')).modelOptimize(id, flags, context),
      ),
    );
  withOutputFlags(withOriginFlags(optimize));
  for (const command of [pull, verify]) withOutputFlags(withSourceFlags(command));
  withOutputFlags(withCacheFlags(info));
}

function addEmbed(program: Command, run: Runner): void {
  const command = program
    .command('embed')
    .description('embed images: JSON lines on stdout, or a NumPy matrix')
    .argument('<file...>', 'images, folders of images, or - for a list of paths on standard input')
    .addOption(
      new Option(
        '-o, --output <file.npy>',
        'write a float32 matrix [n, d], and the ids to FILE.ids.jsonl',
      ).argParser(npyPath),
    )
    .option('-0, --null', 'the list on standard input is separated by NUL, as from find -print0')
    .addHelpText(
      'after',
      `
Every line is {"id","imageHash","model","dimensions","vector"}. A file that cannot be embedded is reported on
stderr and left out (exit code 1). With --output and --json: one document, {"output","ids","rows","dimensions"}.

Examples:
  semantic-vision embed *.jpg > vectors.jsonl
  find . -name '*.png' -print0 | semantic-vision embed -0 - --output vectors.npy`,
    )
    .action((files: string[], flags: CommonFlags & EmbedFlags) =>
      run(flags, async (context) => (await import('./commands/embed.js')).embed(files, flags, context)),
    );
  withOutputFlags(withRunFlags(command));
}

function addClassify(program: Command, run: Runner): void {
  const command = program
    .command('classify')
    .description('score labels against an image, without training')
    .argument('<file>', 'an image')
    .addOption(
      new Option('-l, --labels <a,b,c>', 'labels with commas between them; may be given more than once')
        .argParser(commaList)
        .makeOptionMandatory(),
    )
    .option(
      '-t, --template <text>',
      'sentence to put each label into, at {} (default: "This is a photo of {}.")',
    )
    .addHelpText(
      'after',
      `
With --json: one document, {"file","model","results":[{"label","probability","similarity"}]}, best first.

Example:
  semantic-vision classify photo.jpg --labels cat,dog,bird --template "a photo of a {}"`,
    )
    .action((file: string, flags: CommonFlags & ClassifyFlags) =>
      run(flags, async (context) => (await import('./commands/classify.js')).classify(file, flags, context)),
    );
  withOutputFlags(withRunFlags(command));
}

function addIndexCommands(index: Command, run: Runner): void {
  const build = index
    .command('build')
    .description('index the images below a folder, or bring its index up to date')
    .argument('<folder>', 'walked recursively; ids are the paths relative to it')
    .requiredOption('-o, --output <folder>', 'where the index is stored')
    .option('--prune', 'remove entries whose file is gone')
    .addOption(
      new Option('--checkpoint <seconds>', 'save at least this often, as far as saving is quick')
        .argParser(positiveSeconds)
        .default(60),
    )
    .addHelpText(
      'after',
      `
The model is the one that the index was begun with, unless --model is given; so is the colour of --flatten.
A file is skipped when its size and modification time are those stored with it, or when its bytes still have the
same hash. Ctrl-C saves what is done; the same command goes on from there.
With --json: one document, {"index","folder","model","entries","added","updated","unchanged","removed","failed",
"vanished"}.

Example:
  semantic-vision index build ~/Pictures --output pictures.index --prune`,
    )
    .action((folder: string, flags: CommonFlags & IndexBuildFlags) =>
      run(flags, async (context) =>
        (await import('./commands/index-build.js')).indexBuild(folder, flags, context),
      ),
    );
  const search = index
    .command('search')
    .description('find the images nearest to an image or a text')
    .argument('<image-or-text>', 'a file that exists is an image, anything else a text')
    .requiredOption('-i, --index <folder>', 'made by "index build"')
    .addOption(new Option('-k <n>', 'how many to find').argParser(positiveInteger).default(10))
    .addOption(new Option('--text', 'take the query for a text').conflicts('image'))
    .option('--image', 'take the query for an image')
    .addHelpText(
      'after',
      `
The model is the one that the index was built with, unless --model is given; so is the colour of --flatten.
With --json: one document, {"query","index","model","results":[{"id","similarity","metadata"}]}, best first.

Examples:
  semantic-vision index search "a dog on the beach" --index pictures.index
  semantic-vision index search photo.jpg --index pictures.index -k 5`,
    )
    .action((query: string, flags: CommonFlags & IndexSearchFlags) =>
      run(flags, async (context) =>
        (await import('./commands/index-search.js')).indexSearch(query, flags, context),
      ),
    );
  for (const command of [build, search]) withOutputFlags(withRunFlags(command));
}

// Commander would print and exit by itself; here every error goes one way, and the hint names the right command.
function throwUsageErrors(command: Command, parents = ''): void {
  const name = `${parents}${command.name()}`;
  command.exitOverride((error: CommanderError) => {
    if (error.exitCode === 0) throw error;
    const reason =
      error.code === 'commander.help'
        ? 'Expected a command.'
        : error.message
            .replace(/^error: /, '')
            .replaceAll('\n', ' ')
            .replace(/[^.)]$/, '$&.');
    throw new CommandError('USAGE', `${reason} See "${name} --help".`, { cause: error });
  });
  for (const child of command.commands) throwUsageErrors(child, `${name} `);
}
