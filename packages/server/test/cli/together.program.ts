// Command lines one after the other in one process: what is said before anything begins needs no process of its own. Each
// goes through `main` as the launcher calls it, with an environment of its own; its exit is taken for its end.
import { text } from 'node:stream/consumers';
import { main } from '../../src/cli/main.ts';
import type { Said } from './harness.ts';

export interface Line {
  program: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
}

class Exit extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

const lines = JSON.parse(await text(process.stdin)) as Line[];
const bare = { ...process.env };
const said: Said[] = [];
for (const line of lines) said.push(await run(line));
process.stdout.write(JSON.stringify(said));

async function run({ program, args, env }: Line): Promise<Said> {
  for (const name of Object.keys(process.env)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, bare, env);
  const told = { stdout: '', stderr: '' };
  const exit = process.exit.bind(process);
  const listen = (stream: 'stdout' | 'stderr'): void => {
    process[stream].write = (chunk: string | Uint8Array): boolean => {
      told[stream] += String(chunk);
      return true;
    };
  };
  listen('stdout');
  listen('stderr');
  process.exit = (code) => {
    throw new Exit(Number(code ?? 0));
  };
  try {
    await main(program, args);
    return { code: 0, ...told };
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    return { code: error.code, ...told };
  } finally {
    // What hides the stream's own method goes.
    Reflect.deleteProperty(process.stdout, 'write');
    Reflect.deleteProperty(process.stderr, 'write');
    process.exit = exit;
    for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error');
    process.removeAllListeners('SIGTERM');
  }
}
