// The no-op that everybody runs: it returns its one small argument, so that each result can be told from any other.
import { execFileSync } from 'node:child_process';
import type { Client } from './http.ts';

export type Language = 'python' | 'javascript';

/** The Python of the bench: the system's own, which has dill. */
export const PYTHON = '/usr/bin/python3';

const DILL = `
import base64, dill
def echo(n):
    return n
print(base64.b64encode(dill.dumps(echo)).decode())
`;

/** Registers the no-op (Python: pickled by dill) and answers its id. */
export async function registerNoop(client: Client, language: Language): Promise<string> {
  const code =
    language === 'python'
      ? { payload: execFileSync(PYTHON, ['-c', DILL], { encoding: 'utf8' }).trim() }
      : { source: 'export default (n) => n;' };
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
  return language === 'python' ? { function: id, args_pickle: PICKLED[n] } : { function: id, args: [n] };
}

export function isRight(result: NoopResult, language: Language, n: number): boolean {
  if (result.status !== 'COMPLETED') return false;
  if (language === 'javascript') return result.value === n;
  const bytes = Buffer.from(result.pickle ?? '', 'base64');
  // Any protocol: a header of two bytes, BININT1, the number, STOP.
  return bytes.length === 5 && bytes[2] === 0x4b && bytes[3] === n && bytes[4] === 0x2e;
}

/** Pickles of `((n,), {})`, protocol 2, base64. */
const PICKLED = Array.from({ length: 256 }, (_, n) =>
  Buffer.from([0x80, 2, 0x4b, n, 0x85, 0x7d, 0x86, 0x2e]).toString('base64'),
);
