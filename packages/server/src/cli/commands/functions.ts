// `mpcsfaas fn register FILE:NAME | ls | show | rm`.
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { Option, type Command } from 'commander';
import { Api, MOST_LISTED, type ApiOptions } from '../api.ts';
import { bundled, importsMore } from '../bundle.ts';
import { withExamples } from '../help.ts';
import { typedPath, withOptions } from '../options.ts';
import { sourceFault } from '../source-check.ts';
import { printJson, printLine, printMore, printTable } from '../print.ts';
import { functionOptionsOf, withTaskOptions, type FunctionFlags } from '../task-options.ts';
import { named, whole } from '../units.ts';
import { UserError } from '../user-error.ts';

interface ClientOptions extends ApiOptions {
  json: boolean;
}

interface FunctionBody {
  function_id: string;
  name: string;
  version: number;
  runtime: string;
  form: string;
  code_bytes: number;
  description: string;
  created_at: string;
}

const RUNTIME_OF: Record<string, 'python' | 'javascript'> = {
  '.py': 'python',
  '.js': 'javascript',
  '.mjs': 'javascript',
  '.ts': 'javascript',
  '.mts': 'javascript',
};

const REF = named('an id, name or name@version');

export function functionCommands(parent: Command): void {
  const fn = parent.command('fn').description('register, list and remove functions');
  const register_ = withOptions(
    withTaskOptions(
      fn
        .command('register')
        .description(
          'register a function from a Python, JavaScript or TypeScript file; what the latter imports is bundled with it',
        )
        .argument('<file:name>', 'the file and the function in it; without :name the only one or the default export')
        .addOption(new Option('--as <name>', 'the name to register it under').default(undefined, 'its own'))
        .option('--description <text>', 'what it does', '')
        .addOption(
          new Option('--no-check', 'register it as it is, without looking at it').default(true, 'it is looked at'),
        ),
      'function',
    ),
    'python',
    'client',
  ).action(register);
  withExamples(
    register_,
    'mpcsfaas fn register tools.py:double',
    'mpcsfaas fn register src/resize.ts --as resize     # its default export, with what it imports',
    'mpcsfaas fn register tools.py:fetch --timeout 30s --retries 3 --retry-on OSError     # for all its calls',
  );
  withOptions(
    fn
      .command('ls')
      .description('list functions, newest first')
      .option('--limit <n>', 'at most so many', whole(1, MOST_LISTED), 100),
    'client',
  ).action(list);
  withOptions(
    fn.command('show').description('show one function').argument('<ref>', 'id, name or name@version', REF),
    'client',
  ).action(show);
  withOptions(
    fn
      .command('rm')
      .description('remove a version, or all versions of a name')
      .argument('<ref>', 'id, name or name@version', REF),
    'client',
  ).action(remove);
}

interface RegisterOptions extends ClientOptions, FunctionFlags {
  as?: string;
  description: string;
  check: boolean;
  python?: string;
}

async function register(target: string, options: RegisterOptions): Promise<void> {
  const { file, entry } = splitTarget(target);
  const runtime = RUNTIME_OF[extname(file)];
  if (runtime === undefined) {
    refuseEntry(target);
    throw new UserError(
      `The file's ending says what it is: .py, .js, .mjs, .ts or .mts, not ${JSON.stringify(extname(file))}.`,
      2,
    );
  }
  const written = read(file);
  const isBundle = runtime === 'javascript' && importsMore(written);
  const source = isBundle ? await bundled(typedPath(file), file) : written;
  const fault = options.check ? await sourceFault(runtime, source, entry, options.python) : '';
  if (fault !== '') throw new UserError(`${file} ${fault} (--no-check registers it all the same).`);
  const name = options.as ?? (entry || baseName(file));
  const api = new Api(options);
  const answer = await api.post('/v1/functions', {
    name,
    runtime,
    source,
    entry,
    options: functionOptionsOf(options),
    ...(options.description !== '' && { description: options.description }),
  });
  const fn = api.bodyOf<FunctionBody>(answer, 'function_id');
  if (options.json) return printJson(fn);
  printLine(`${fn.name}@${fn.version} ${answer.status === 201 ? 'registered' : 'is unchanged'} (${fn.function_id})`);
}

/** `dir/file.py:name`; a colon further left belongs to the path. */
function splitTarget(target: string): { file: string; entry: string } {
  const at = target.lastIndexOf(':');
  const entry = at < 0 ? '' : target.slice(at + 1);
  if (at > 0 && /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(entry)) return { file: target.slice(0, at), entry };
  return { file: target, entry: '' };
}

/** A file of a known kind, and after it what can name nothing. */
function refuseEntry(target: string): void {
  const [, file = '', ending = '', entry = ''] = /^(.+(\.\w+)):([^:]*)$/.exec(target) ?? [];
  if (RUNTIME_OF[ending] === undefined) return;
  const trouble =
    entry === ''
      ? `After the colon of ${JSON.stringify(target)} a function is named`
      : `${JSON.stringify(entry)} is no name that a file can have at its top level`;
  throw new UserError(`${trouble}: say ${file}:NAME, or ${file} for the only function.`, 2);
}

function read(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(typedPath(file));
  } catch (error) {
    throw new UserError(
      `The file ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`,
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`The file ${file} is no UTF-8: save it as UTF-8, in which sources travel.`);
  }
}

function baseName(file: string): string {
  return file
    .slice(Math.max(file.lastIndexOf('/') + 1, 0), file.length - extname(file).length)
    .replace(/[^A-Za-z0-9._-]/g, '-');
}

async function list(options: ClientOptions & { limit: number }): Promise<void> {
  const listed = await new Api(options).list('/v1/functions', {}, options.limit);
  if (options.json) return printJson(listed);
  printTable(
    ['NAME', 'RUNTIME', 'FORM', 'BYTES', 'CREATED', 'ID'],
    (listed.items as FunctionBody[]).map((fn) => [
      fn.version === 0 ? `${fn.name} (classic)` : `${fn.name}@${fn.version}`,
      fn.runtime,
      fn.form,
      String(fn.code_bytes),
      fn.created_at,
      fn.function_id,
    ]),
  );
  printMore(listed);
}

async function show(ref: string, options: ClientOptions): Promise<void> {
  const api = new Api(options);
  printJson(api.bodyOf<FunctionBody>(await api.get(`/v1/functions/${encodeURIComponent(ref)}`), 'function_id'));
}

async function remove(ref: string, options: ClientOptions): Promise<void> {
  const api = new Api(options);
  const body = api.bodyOf<{ deleted: number }>(await api.delete(`/v1/functions/${encodeURIComponent(ref)}`), 'deleted');
  if (options.json) return printJson(body);
  const { deleted } = body;
  printLine(`${deleted} ${deleted === 1 ? 'version' : 'versions'} of ${ref} removed.`);
}
