// What `--help` says of an option: what it means, its choices, its default, its environment variable. Each has a default,
// be it "none".
import type { Command, Option } from 'commander';

/** Options of commander's own. */
const OWN = new Set(['--help', '--version']);

/** Gives a command and all below it our way of describing options. */
export function describeOptions(command: Command): void {
  command.configureHelp({ optionDescription: describe });
  command.commands.forEach(describeOptions);
}

/** What to type, below a command's help. */
export function withExamples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText('after', `\nFor example:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

function describe(option: Option): string {
  if (OWN.has(option.long ?? '')) return option.description;
  const facts = [
    option.argChoices && `one of ${option.argChoices.join(', ')}`,
    `default: ${option.defaultValueDescription ?? shown(option.defaultValue)}`,
    option.envVar,
  ].filter((fact) => fact !== undefined);
  return `${option.description} (${facts.join('; ')})`;
}

function shown(value: unknown): string {
  if (value === undefined || value === '') return 'none';
  if (value === false) return 'off';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
