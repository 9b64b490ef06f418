// What can be typed where: read off the commands themselves, so that no completion tells of what is not there.
import type { Command, Option } from 'commander';

/** A value: one of some words, a path, or what only the user knows. */
export type Value = { is: 'words'; words: readonly string[] } | { is: 'file' } | { is: 'folder' } | { is: 'anything' };

export interface Flag {
  long: string;
  short: string | undefined;
  description: string;
  /** undefined: a switch. */
  value: Value | undefined;
}

export interface Place {
  /** `mpcsfaas fn register`. */
  path: string;
  commands: readonly { name: string; description: string }[];
  flags: readonly Flag[];
  /** What its arguments are. */
  argument: Value;
}

/** The command and all below it. */
export function placesOf(command: Command, above = ''): Place[] {
  const path = `${above}${command.name()}`;
  const place: Place = {
    path,
    commands: command.commands.map((one) => ({ name: one.name(), description: one.description() })),
    flags: [...command.options.filter(({ hidden }) => !hidden).map(flagOf), HELP],
    argument: argumentOf(command),
  };
  return [place, ...command.commands.flatMap((one) => placesOf(one, `${path} `))];
}

const HELP: Flag = { long: '--help', short: '-h', description: 'display help for command', value: undefined };

function flagOf(option: Option): Flag {
  const value = option.isBoolean() || option.negate ? undefined : valueOf(option);
  return { long: option.long ?? '', short: option.short, description: option.description, value };
}

function valueOf({ argChoices, flags }: Option): Value {
  if (argChoices !== undefined) return { is: 'words', words: argChoices };
  if (/<(file|path)>/.test(flags)) return { is: 'file' };
  return /<dir>/.test(flags) ? { is: 'folder' } : { is: 'anything' };
}

/** Of whichever argument: that of `map` stands second, after a name that only the user knows. */
function argumentOf({ registeredArguments }: Command): Value {
  const words = registeredArguments.find(({ argChoices }) => argChoices !== undefined)?.argChoices;
  if (words !== undefined) return { is: 'words', words };
  return registeredArguments.some((one) => /^(file|inputs)/.test(one.name())) ? { is: 'file' } : { is: 'anything' };
}
