// `mpcsfaas config`: every setting with its value, and who said it.
import { existsSync } from 'node:fs';
import type { Command, Option } from 'commander';
import { configFile, environment, saidBy, settings, settleUrl, withOptions } from '../options.ts';
import { printJson, printLine, printTable } from '../print.ts';
import { withoutPassword } from '../../store/redis/address.ts';

const SECRETS = new Set(['MPCSFAAS_API_KEY', 'MPCSFAAS_WORKER_KEY']);

export function configCommand(parent: Command): void {
  const command = parent
    .command('config')
    .description('show every setting, its value and where it comes from: argument, environment, file or default');
  for (const option of settings()) command.addOption(option);
  withOptions(command, 'json').action((options: { json: boolean }) => show(options, command));
}

interface Setting {
  setting: string;
  value: string;
  from: string;
  variable: string;
}

function show({ json }: { json: boolean }, command: Command): void {
  const { path } = configFile();
  settleUrl(command);
  const list = settings().map((option) => settingOf(option, command));
  if (json) return printJson({ file: path, file_exists: existsSync(path), settings: list });
  printTable(
    ['SETTING', 'VALUE', 'FROM', 'VARIABLE'],
    list.map(({ setting, value, from, variable }) => [setting, value, from, variable]),
  );
  printLine('');
  printLine(
    `An argument counts before the environment, the environment before the file ${path}${existsSync(path) ? '' : ' (there is none)'}.`,
  );
}

function settingOf(option: Option, command: Command): Setting {
  const variable = option.envVar!;
  const name = option.attributeName();
  const from = saidBy(command, name, variable);
  const value =
    from === 'environment' || from === 'file' ? (environment[variable] ?? '') : valueOf(option, command, from);
  const shown = SECRETS.has(variable) && value !== '' ? '(hidden)' : withoutPassword(value);
  return {
    setting: variable.replace('MPCSFAAS_', '').toLowerCase().replaceAll('_', '-'),
    value: shown,
    from,
    variable,
  };
}

function valueOf(option: Option, command: Command, from: string): string {
  const value: unknown = command.getOptionValue(option.attributeName());
  if (from === 'default' && option.envVar !== 'MPCSFAAS_URL' && option.defaultValueDescription !== undefined)
    return option.defaultValueDescription;
  if (value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return Array.isArray(value) ? value.join(',') : typeof value === 'string' ? value : JSON.stringify(value);
}
