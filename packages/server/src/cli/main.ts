// The command line's entry: which program was called, its commands, and how a wrong call is answered.
import { Command, CommanderError } from 'commander';
import { describeOptions } from './help.ts';
import { ignoreEnvironment, settleEnvironment, toldPlace } from './options.ts';
import { version } from './package.ts';
import { endAtSigterm, runCommand } from './process.ts';
import { UserError } from './user-error.ts';

const EPILOGUE = `
Options can be set in the environment and in a config file, too: --data-dir is MPCSFAAS_DATA_DIR and "data-dir", and so
on; \`mpcsfaas config\` tells what holds. Each command tells more: \`mpcsfaas call --help\`.

First steps:
  mpcsfaas up                          in one terminal
  mpcsfaas fn register FILE.py:NAME    in another
  mpcsfaas call NAME 1 2`;

/** Runs a program by its name with its arguments. Ends the process with an exit code when something is wrong. */
export async function main(name: string, args: readonly string[]): Promise<void> {
  await runCommand(name, async () => {
    if (asksForHelp(name, args)) ignoreEnvironment();
    else settleEnvironment();
    const program = strict(await programOf(name, args));
    describeOptions(program);
    try {
      await program.parseAsync([...args], { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      // Help and version are no errors; the rest gets our one sentence.
      if (error.exitCode === 0) return;
      throw new UserError(sentence(error, called(program, args)), 2);
    }
  });
}

/** Or for what else is told without any setting. A classic program without arguments is one that is set up elsewhere. */
function asksForHelp(name: string, args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const words = end < 0 ? args : args.slice(0, end);
  const [first = '', second] = args;
  if (words.some((word) => word === '--help' || word === '-h')) return true;
  if (['--version', '-V'].includes(first)) return true;
  if (name !== 'mpcsfaas') return false;
  return ['', 'help', 'completion'].includes(first) || (second === 'help' && GROUPS.includes(first));
}

/** Commands that are nothing by themselves. */
const GROUPS = ['fn', 'task', 'keys'];

async function programOf(name: string, args: readonly string[]): Promise<Command> {
  const program = new Command(name).version(version).showHelpAfterError(false);
  if (name === 'mpcsfaas') return modern(program, args);
  const { classicWorkerCommand, taskDispatcherCommand } = await import('./commands/classic.ts');
  if (name === 'task_dispatcher') return taskDispatcherCommand(program);
  return classicWorkerCommand(program, name === 'pull_worker' ? 'pull' : 'push');
}

type AddCommand = (parent: Command) => void;

/**
 * What adds each command, read when it is wanted: one that is named needs no other, and to read the others takes longer than
 * most calls. Its parts, too, are read when they start (roots/): a worker needs no service.
 */
const PROGRAMS: Record<string, () => Promise<AddCommand>> = {
  up: async () => (await import('./commands/up.ts')).upCommand,
  service: async () => (await import('./commands/service.ts')).serviceCommand,
  dispatcher: async () => (await import('./commands/dispatcher.ts')).dispatcherCommand,
  worker: async () => (await import('./commands/worker.ts')).workerCommand,
};
const AT_WORK: typeof PROGRAMS = {
  fn: async () => (await import('./commands/functions.ts')).functionCommands,
  call: async () => (await import('./commands/call.ts')).callCommand,
  map: async () => (await import('./commands/map.ts')).mapCommand,
  task: async () => (await import('./commands/tasks.ts')).taskCommands,
  workers: async () => (await import('./commands/workers.ts')).workersCommand,
  top: async () => (await import('./commands/top.ts')).topCommand,
  keys: async () => (await import('./commands/keys.ts')).keyCommands,
  config: async () => (await import('./commands/config.ts')).configCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
};
const COMMANDS = { ...PROGRAMS, ...AT_WORK };

async function modern(program: Command, [first = '']: readonly string[]): Promise<Command> {
  program
    .description('Ship a function, call it from anywhere: every call is queued durably and its result pushed back.')
    .addHelpText('after', EPILOGUE);
  if (Object.hasOwn(AT_WORK, first)) endAtSigterm();
  if (Object.hasOwn(COMMANDS, first)) {
    (await COMMANDS[first]!())(program);
    return program;
  }
  for (const [group, commands] of Object.entries({ 'Programs:': PROGRAMS, 'At work:': AT_WORK })) {
    program.commandsGroup(group);
    for (const read of Object.values(commands)) (await read())(program);
  }
  const { completionCommand } = await import('./commands/completion.ts');
  completionCommand(program);
  return program;
}

/** commander must neither exit nor print an error by itself, in any command. */
function strict(command: Command): Command {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  command.commands.forEach(strict);
  return command;
}

/** The command that the arguments name: `fn register` of `mpcsfaas fn register …`. */
function called(command: Command, [first, ...rest]: readonly string[]): Command {
  const next = command.commands.find((one) => one.name() === first);
  return next === undefined ? command : called(next, rest);
}

function sentence(error: CommanderError, command: Command): string {
  const help = `\`${fullName(command)} --help\``;
  if (error.code === 'commander.help') {
    const choices = command.commands.map((one) => one.name()).join(', ');
    return `Say what to do, one of ${choices}; ${help} tells more.`;
  }
  const text = toldPlace(error.message.replace(/^error: /, '').replace(/\n/g, ' '));
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}${/[.!?)]$/.test(text) ? '' : '.'} See ${help}.`;
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}
