// The environment of this package's own programs, where they run in processes of their own.

/**
 * This process's environment without its inspector, whose port is taken. What NODE_OPTIONS preloads stays: some package
 * managers resolve imports by it. Under Electron the executable is told to be Node.
 * @returns for a child process
 */
export function childEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS = '' } = process.env;
  return {
    ...process.env,
    NODE_OPTIONS: NODE_OPTIONS.replace(/--inspect\S*/g, ''),
    ELECTRON_RUN_AS_NODE: '1',
  };
}
