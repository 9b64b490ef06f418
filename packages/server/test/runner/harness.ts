// What the runner tests share: a pool on real processes, whose events can be waited for.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newToken } from '../../src/lifecycle/ids.ts';
import type { LogChunk, Outcome, TaskLogs } from '../../src/lifecycle/outcome.ts';
import type { TaskSpec } from '../../src/lifecycle/spec.ts';
import { systemClock } from '../../src/clock.ts';
import { findMarked } from '../../src/runner/marks.ts';
import { openRunnerPool, type Call, type PoolOptions, type RunnerPool } from '../../src/runner/index.ts';

/** A Python with dill: the tests need one. */
export const PYTHON = ((): string => {
  for (const python of ['/usr/bin/python3', 'python3']) {
    if (spawnSync(python, ['-c', 'import dill, cloudpickle']).status === 0) return python;
  }
  throw new Error('these tests need a Python with dill and cloudpickle (Debian: python3-dill, python3-cloudpickle)');
})();

export interface Ended {
  key: string;
  outcome: Outcome;
  startedAtMs: number;
  logs: TaskLogs | null;
}

/** A pool that gives a call back more often than a machine stands still is not one that runs it. */
const MOST_RETURNS = 50;

/** A pool with a memory of what it said. */
export class TestPool {
  pool!: RunnerPool;
  readonly dataDir: string;
  readonly started = new Map<string, number[]>();
  readonly printed: { key: string; chunk: LogChunk }[] = [];
  readonly asked: string[] = [];
  readonly logLines: string[] = [];
  readonly ends = new Map<string, Ended>();
  /** The mark that all of its processes carry. */
  mark = '';
  #checks = new Set<() => void>();

  private constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  static async open(options: Partial<PoolOptions> = {}): Promise<TestPool> {
    const test = new TestPool(options.dataDir ?? mkdtempSync(join(tmpdir(), 'pool-test-')));
    test.pool = await openRunnerPool({
      slots: 2,
      python: PYTHON,
      pythonPath: [],
      dataDir: test.dataDir,
      environment: process.env,
      clock: systemClock,
      log: (level, message, fields) => test.logLines.push(`${level} ${message} ${JSON.stringify(fields)}`),
      logLimits: { headBytes: 1024, tailBytes: 1024 },
      listener: {
        started: (key, atMs) => {
          test.started.set(key, [...(test.started.get(key) ?? []), atMs]);
          test.#check();
        },
        printed: (key, chunk) => {
          test.printed.push({ key, chunk });
          test.#check();
        },
        ended: (key, outcome, startedAtMs, logs) => {
          if (test.ends.has(key)) throw new Error(`${key} ended twice`);
          test.ends.set(key, { key, outcome, startedAtMs, logs });
          test.#check();
        },
        changed: () => test.#check(),
        needCode: (digest) => {
          test.asked.push(digest);
          test.#check();
        },
      },
      ...options,
    });
    test.mark = markIn(test.dataDir);
    return test;
  }

  /** Resolves when `condition` holds; looked at after every event of the pool. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#checks.delete(check);
        resolve();
      };
      this.#checks.add(check);
    });
  }

  #check(): void {
    for (const check of [...this.#checks]) check();
  }

  submit(...calls: Call[]): void {
    this.pool.submit(calls);
  }

  async end(call: Call | string): Promise<Ended> {
    const key = typeof call === 'string' ? call : call.key;
    await this.until(() => this.ends.has(key));
    return this.ends.get(key)!;
  }

  /** Submits a call and waits for its end. */
  async run(call: Call): Promise<Ended> {
    this.submit(call);
    return this.end(call);
  }

  /** Submits calls and waits for their ends; what comes back because every slot stood still goes in again, as elsewhere it would. */
  async runAll(calls: readonly Call[]): Promise<Ended[]> {
    this.submit(...calls);
    return Promise.all(calls.map((call) => this.#endOfItsOwn(call)));
  }

  async #endOfItsOwn(call: Call): Promise<Ended> {
    for (let returns = 0; ; returns += 1) {
      const end = await this.end(call);
      const isBack = end.outcome.is === 'released' && end.outcome.reason === 'handed_back';
      if (!isBack || returns === MOST_RETURNS) return end;
      this.ends.delete(call.key);
      this.submit(call);
    }
  }

  call(code: TestCode, args: unknown[] = [], more: Partial<TaskSpec> = {}): Call {
    this.pool.provideCode(code.digest, code.bytes);
    return makeCall(code, args, more);
  }

  async close(): Promise<void> {
    await this.pool.stop(0);
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

/** The mark of the pool whose data directory this is. */
export function markIn(dataDir: string): string {
  const note = readdirSync(join(dataDir, 'runners')).find((name) => name.endsWith('.json'));
  if (note === undefined) throw new Error('the pool left no note of itself');
  return note.replace('.json', '');
}

/** Whoever was killed takes a moment to go, and so does what was forked in the very moment before. */
const GONE_MS = 5000;

/** What still carries this mark when there was time enough to go. */
export async function leftOf(mark: string): Promise<number[]> {
  const until = performance.now() + GONE_MS;
  for (;;) {
    const left = findMarked(mark);
    if (left.length === 0 || performance.now() > until) return left;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Resolves when the process has ended; looked at again and again, as nobody tells of another's child. */
export async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
}

export interface TestCode {
  digest: string;
  bytes: Buffer;
  spec: Partial<TaskSpec>;
}

export function code(bytes: Buffer, spec: Partial<TaskSpec>): TestCode {
  return { digest: createHash('sha256').update(bytes).digest('hex'), bytes, spec };
}

/** A Python function as source. */
export function source(text: string, spec: Partial<TaskSpec> = {}): TestCode {
  return code(Buffer.from(text), { runtime: 'python', form: 'source', ...spec });
}

export function javascript(text: string, spec: Partial<TaskSpec> = {}): TestCode {
  return code(Buffer.from(text), { runtime: 'javascript', form: 'source', ...spec });
}

/** A function as dill pickles it: the text is Python whose last line is an expression for the function. */
export function dilled(text: string, spec: Partial<TaskSpec> = {}): TestCode {
  return code(python(`import dill\n${withLast(text, 'out = dill.dumps(%)')}`), {
    runtime: 'python',
    form: 'pickle',
    ...spec,
  });
}

/** The pickle of an expression. */
export function pickled(expression: string): Buffer {
  return python(`import dill\nout = dill.dumps(${expression})`);
}

/** What dill reads from `bytes`, as Python shows it (repr, or `show` of the value `v`). */
export function unpickled(bytes: Buffer | undefined, show = 'repr(v)'): string {
  if (!bytes) return 'nothing';
  return python(`import dill, sys\nv = dill.loads(bytes.fromhex(sys.argv[1]))\nout = (${show}).encode()`, [
    bytes.toString('hex'),
  ]).toString();
}

function withLast(text: string, frame: string): string {
  const lines = text.trimEnd().split('\n');
  const last = lines.pop()!;
  return [...lines, frame.replace('%', last)].join('\n');
}

function python(text: string, args: string[] = []): Buffer {
  const run = spawnSync(PYTHON, ['-c', `${text}\nimport sys\nsys.stdout.buffer.write(out)`, ...args]);
  if (run.status !== 0) throw new Error(run.stderr.toString());
  return run.stdout;
}

export function makeCall(code: TestCode, args: unknown[] | Buffer, more: Partial<TaskSpec> = {}): Call {
  const key = newToken();
  const asJson = !Buffer.isBuffer(args);
  const spec: TaskSpec = {
    id: key,
    tenant: 'default',
    function_id: code.digest,
    function_name: 'probe',
    function_version: 1,
    runtime: 'python',
    digest: code.digest,
    form: 'source',
    entry: '',
    python: '',
    args_as: asJson ? 'json' : 'pickle',
    result_as: asJson ? 'json' : 'pickle',
    priority: 0,
    timeout_ms: 0,
    memory_bytes: 0,
    max_result_bytes: 64 * 2 ** 20,
    max_attempts: 3,
    retry: null,
    at_most_once: false,
    not_before: 0,
    expires_at: 0,
    result_ttl_ms: 60_000,
    group: '',
    tags: [],
    isolation: 'warm',
    labels: [],
    traceparent: '',
    submitted_at: 0,
    classic: false,
    ...code.spec,
    ...more,
  };
  return { key, attempt: 1, spec, args: asJson ? Buffer.from(JSON.stringify({ args, kwargs: {} })) : args };
}

/** The JSON value of an end that completed; anything else throws with what it was. */
export function valueOf(end: Ended): unknown {
  if (end.outcome.is !== 'completed') throw new Error(`not completed: ${JSON.stringify(end.outcome)}`);
  return JSON.parse(end.outcome.result.json!.toString()) as unknown;
}
