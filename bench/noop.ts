// The no-op that everybody runs: it returns its one small argument, so that each result can be told from any other.
import { execFileSync } from 'node:child_process';
import type { Client } from './http.ts';

export type Language = 'python' | 'javascript';

/** The Python of the bench: the system's own, which has dill. */
export const PYTHON = '/usr/bin/python3';

const DILL = `
import base64, dill, sys
def marked(mark):
    def echo(n, mark=mark):
        return n
    return echo
for mark in sys.argv[1:]:
    print(base64.b64encode(dill.dumps(marked(mark))).decode())
`;

/** No-ops in Python, one for each mark and each a function of its own, pickled by dill, in base64. */
export function dilledNoops(marks: readonly string[]): string[] {
  return execFileSync(PYTHON, ['-c', DILL, ...marks], { encoding: 'utf8' })
    .trim()
    .split('\n');
}

export function dilledNoop(): string {
  return dilledNoops([''])[0]!;
}

/** Registers the no-op (Python: pickled by dill) and answers its id. */
export async function registerNoop(client: Client, language: Language): Promise<string> {
  const code = language === 'python' ? { payload: dilledNoop() } : { source: 'export default (n) => n;' };
  const body = { name: `echo-${language}`, runtime: language, ...code };
  return (await client.json<{ function_id: string }>('/v1/functions', body)).function_id;
}

export interface NoopResult {
  task_id: string;
  status: string;
  value?: unknown;
  pickle?: string;
}

/** One task of a batch: pickled arguments for Python, JSON for JavaScript. `n` is 0–255. */
export function noopTask(id: string, language: Language, n: number): object {
  return language === 'python' ? { function: id, args_pickle: BASE64[n] } : { function: id, args: [n] };
}

export function isRight(result: NoopResult, language: Language, n: number): boolean {
  if (result.status !== 'COMPLETED') return false;
  if (language === 'javascript') return result.value === n;
  return isPickleOf(Buffer.from(result.pickle ?? '', 'base64'), n);
}

/** Whether these bytes are a pickle of `n`, 0–255. */
export function isPickleOf(bytes: Buffer, n: number): boolean {
  // Any protocol: a header of two bytes, BININT1, the number, STOP.
  return bytes.length === 5 && bytes[2] === 0x4b && bytes[3] === n && bytes[4] === 0x2e;
}

/** Pickles of `((n,), {})` for each n, protocol 2. */
export const PICKLED = Array.from({ length: 256 }, (_, n) => Buffer.from([0x80, 2, 0x4b, n, 0x85, 0x7d, 0x86, 0x2e]));

const BASE64 = PICKLED.map((bytes) => bytes.toString('base64'));
