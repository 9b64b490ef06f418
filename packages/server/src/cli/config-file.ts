// The user's config file: settings by the names of the options, below what the environment and the line say.
import { readFileSync } from 'node:fs';
import { UserError } from './user-error.ts';

/**
 * Variable → value, as if the environment had said it, and the setting's name in the file. `demanded`: it was named, so it must be there; `texts`: what takes a text alone. @throws UserError
 */
export function readConfigFile(
  path: string,
  known: ReadonlySet<string>,
  demanded: boolean,
  texts: ReadonlySet<string> = new Set(),
): ReadonlyMap<string, { setting: string; value: string }> {
  const text = read(path, demanded);
  if (text === undefined) return new Map();
  const wrong = (what: string): UserError => new UserError(`The config file ${path} ${what}.`, 2);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw wrong(`is no JSON (${(error as Error).message})`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw wrong('must hold one object, such as {"url": "http://127.0.0.1:8000"}');
  }
  return new Map(
    Object.entries(content as Record<string, unknown>).map(([setting, value]) => {
      const name = variableOf(setting);
      if (!known.has(name))
        throw wrong(`knows a setting ${JSON.stringify(setting)}, which is none: \`mpcsfaas config\` lists them`);
      const given = asText(value);
      if (given === undefined)
        throw wrong(
          `says ${setting} with ${JSON.stringify(value)}: give a text, a number, true or false, or a list of texts`,
        );
      if (texts.has(name) && typeof value !== 'string')
        throw wrong(`says ${setting} with ${JSON.stringify(value)}: give a text`);
      return [name, { setting, value: given }];
    }),
  );
}

/** `data-dir` → MPCSFAAS_DATA_DIR. */
export function variableOf(setting: string): string {
  return `MPCSFAAS_${setting.toUpperCase().replaceAll('-', '_')}`;
}

function read(path: string, demanded: boolean): string | undefined {
  try {
    // An editor may have put a byte order mark before it.
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    if (!demanded && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    throw new UserError(`The config file ${path} cannot be read (${code}).`, 2);
  }
}

function asText(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string') ? value.join(',') : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}
