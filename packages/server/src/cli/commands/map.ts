// `mpcsfaas map NAME INPUTS`: one call for each line of a file, results line by line in the same order.
import { createReadStream, fstatSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { Option, type Command } from 'commander';
import { Api, type ApiOptions } from '../api.ts';
import { withExamples } from '../help.ts';
import { linesOf } from '../lines.ts';
import { Mapping, type Canceled, type Input, type Output } from '../mapping.ts';
import { askForNobody } from '../nobody.ts';
import { typedPath, withOptions } from '../options.ts';
import { interruption, leaveQuietly } from '../process.ts';
import { ProgressBar } from '../progress-bar.ts';
import { taskOptionsOf, withTaskOptions, type TaskFlags } from '../task-options.ts';
import { named } from '../units.ts';
import { UserError } from '../user-error.ts';
import { visible, visibleJson } from '../visible.ts';

interface MapOptions extends ApiOptions, TaskFlags {
  spread: boolean;
}

export function mapCommand(parent: Command): void {
  const command = parent
    .command('map')
    .description(
      'call a function once for each line of a file of JSON lines; the values come out line by line, in order',
    )
    .argument('<name>', "the function's name, name@version or id", named('a name, name@version or id'))
    .argument('<inputs>', 'the file, or - for stdin; each line is one argument')
    .addOption(new Option('--spread', 'each line is a list: all arguments of its call').default(false));
  withExamples(
    withOptions(withTaskOptions(command, 'task'), 'client').action(map),
    'mpcsfaas map double inputs.ndjson > values.ndjson',
    'seq 1 1000 | mpcsfaas map double -',
    `printf '[1, 2]\\n[3, 4]\\n' | mpcsfaas map add - --spread`,
    'mpcsfaas map resize files.ndjson --priority -10 --label gpu --tag thumbnails',
  );
}

async function map(name: string, inputs: string, options: MapOptions): Promise<void> {
  const stop = new AbortController();
  const { first, cut } = interruption();
  void first.then((signal) => stop.abort(signal));
  // Who reads no further, as `head` does, wants no more calls either.
  process.stdout.removeAllListeners('error');
  let unwritten: NodeJS.ErrnoException | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    unwritten ??= error;
    stop.abort(error);
  });
  const source = open(inputs);
  const api = new Api(options);
  const bar = new ProgressBar();
  const show = (): void => {
    const { ended, failed, submitted, endedBytes } = mapping;
    bar.show({ ended, failed, submitted, share: source.size && Math.min(1, endedBytes / source.size) });
  };
  const over = new AbortController();
  const tellNobody = async (): Promise<void> => {
    const waiting = (): string | undefined => (mapping.ended === 0 ? mapping.oldest : undefined);
    const why = await askForNobody(api, options.delay ?? 0, waiting, over.signal);
    if (why === '') return;
    bar.clear();
    process.stderr.write(`mpcsfaas: ${visible(why)}\n`);
    show();
  };
  let isAsked = false;
  const changed = (): void => {
    show();
    if (!isAsked) void tellNobody();
    isAsked = true;
  };
  const mapping = new Mapping(api, name, () => taskOptionsOf(options), stop.signal, changed);
  try {
    for await (const output of mapping.outputs(inputsOf(source.lines, options.spread))) {
      if (process.stdout.isTTY) bar.clear();
      if (!process.stdout.write(`${lineOf(output)}\n`)) await once(process.stdout, 'drain', { signal: stop.signal });
      show();
    }
    // Without a call nobody has told whether there is such a function.
    if (mapping.ended === 0) await api.get(`/v1/functions/${encodeURIComponent(name)}`, {}, stop.signal);
    await written(stop.signal);
    stop.signal.throwIfAborted();
  } catch (error) {
    over.abort();
    bar.clear();
    const { ended } = mapping;
    // Quicker than cancelling is only the one who asks a second time, and is told what may go on, too.
    const canceled = await mapping.cancel(cut);
    if (unwritten?.code === 'EPIPE' && canceled.left === 0) return leaveQuietly(0);
    if (unwritten !== undefined)
      throw new UserError(
        `The values cannot be written (${unwritten.code ?? unwritten.message}): ${soFar(ended)}, ${whatBecame(canceled, options.group)}`,
      );
    if (!stop.signal.aborted) {
      // Of the lines before the one that ended it, all are told.
      await written(cut);
      if (!(error instanceof UserError) || canceled.left === 0) throw error;
      const { left } = canceled;
      throw new UserError(`${error.message} ${whatBecame({ canceled: 0, left, why: '' }, options.group)}`);
    }
    throw new UserError(`Interrupted: ${soFar(ended)}, ${whatBecame(canceled, options.group)}`, 130);
  } finally {
    over.abort();
    source.close();
  }
  bar.clear();
  const { ended, failed } = mapping;
  if (failed > 0) throw new UserError(`${failed} of ${ended} calls failed: their lines hold {"error": …}.`);
}

function soFar(ended: number): string {
  return `${ended} ${ended === 1 ? 'call had' : 'calls had'} ended`;
}

/** Of the calls that had not ended, as the end of a sentence; after it why some go on. */
function whatBecame({ canceled, left, why }: Canceled, group: string | undefined): string {
  const done = `${canceled} that had not ${canceled === 1 ? 'is' : 'are'} canceled`;
  if (left === 0) return `${done}.`;
  const where = group === undefined ? '' : ` --group ${/^[\w.-]+$/.test(group) ? group : `'${group}'`}`;
  const failed = `${left} could not be canceled and may go on: \`mpcsfaas task ls${where}\` tells.`;
  return `${canceled === 0 ? '' : `${done}, `}${failed}${why === '' ? '' : ` ${why}`}`;
}

/** Resolves when stdout has taken all, or `until` fires; a disk that is full tells it of the last lines, too. */
function written(until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    until.addEventListener('abort', () => resolve());
    process.stdout.write('', () => setImmediate(resolve));
  });
}

function lineOf(output: Output): string {
  const told = output.is === 'value' ? (output.value ?? null) : { error: output.error, task_id: output.id };
  return visibleJson(JSON.stringify(told));
}

interface Lines {
  lines: AsyncIterable<string>;
  /** In bytes, where it is known. */
  size: number | undefined;
  close: () => void;
}

function open(inputs: string): Lines {
  const isStdin = inputs === '-';
  const path = isStdin ? '' : typedPath(inputs);
  let size: number | undefined;
  try {
    const stat = isStdin ? fstatSync(0) : statSync(path);
    size = stat.isFile() && stat.size > 0 ? stat.size : undefined;
    if (stat.isDirectory())
      throw new UserError(`The inputs ${inputs} are a folder: give a file of JSON lines, or - for stdin.`);
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (!isStdin)
      throw new UserError(
        `The file ${inputs} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`,
      );
  }
  const stream = isStdin ? process.stdin : createReadStream(path);
  return { lines: linesOf(stream), size, close: () => void stream.destroy() };
}

/** Empty lines are none. @throws UserError */
async function* inputsOf(lines: AsyncIterable<string>, spread: boolean): AsyncGenerator<Input> {
  let line = 0;
  for await (const text of lines) {
    line += 1;
    if (text.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new UserError(`Line ${line} of the inputs is no JSON: each line is one value, a text in quotes too.`);
    }
    if (spread && !Array.isArray(value))
      throw new UserError(
        `Line ${line} of the inputs is no list: with --spread each line is the list of a call's arguments.`,
      );
    yield { line, args: spread ? text : `[${text}]`, bytes: Buffer.byteLength(text) + 1 };
  }
}
