// Looks after what Python lacks, until it lacks nothing: an interpreter that works, and dill, which is brought into the data
// directory where Python has none. Source functions run meanwhile; whoever repairs it by hand need not start anew.
import { backoffMs } from '../backoff.ts';
import type { LiveClock } from '../clock.ts';
import type { RuntimeSnapshot } from '../lifecycle/runtime.ts';
import { dillOf, findInterpreter, isComplete, type Interpreter } from './interpreter.ts';
import type { Log } from './log.ts';
import { MARK_NAME } from './launch.ts';
import { workFolder } from './marks.ts';
import type { Environment } from './processes.ts';
import { bringPackages, installAdvice } from './provision.ts';

/** Can functions that came as pickles run, and what reads them? */
export type Pickles = { are: 'run'; dill: string } | { are: 'coming' } | { are: 'stuck'; why: string };

export interface PythonCareParts {
  /** As for the pool: a path, or undefined = the first python3 on PATH. */
  python: string | undefined;
  environment: Environment;
  dataDir: string;
  /** Where dill is brought. */
  packages: string;
  mark: string;
  clock: LiveClock;
  log: Log;
  /** There is an interpreter now. */
  onFound: (interpreter: Interpreter) => void;
  /** Runners to come must be made anew, for what they can import has changed. */
  renew: () => Promise<void>;
  /** `pickles` has changed. */
  onPickles: () => void;
}

/** How soon to look again after the n-th look in vain: a look starts Python once. */
const LOOK = { baseMs: 1_000, maxMs: 15_000, factor: 2 };
/** Bringing asks the network: after the first time at every so many looks. */
const LOOKS_A_BRINGING = 20;

export class PythonCare {
  readonly #parts: PythonCareParts;
  readonly #stopping = new AbortController();
  #found: Interpreter | string;
  #pickles: Pickles;
  #running: Promise<void> = Promise.resolve();

  /** `found`: the interpreter, or the sentence that says why there is none. */
  constructor(found: Interpreter | string, parts: PythonCareParts) {
    this.#parts = parts;
    this.#found = found;
    // Without an interpreter nothing runs: that is told of the runtime, not of pickles.
    this.#pickles = typeof found === 'string' ? { are: 'run', dill: '' } : readBy(found, { are: 'coming' });
  }

  #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  get pickles(): Pickles {
    return this.#pickles;
  }

  /** Begins to look after it, where it lacks something. */
  start(): void {
    const found = this.#found;
    if (typeof found === 'string') this.#parts.log('warn', found, {});
    else if (isComplete(found)) return;
    this.#running = this.#care();
  }

  /** Resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #care(): Promise<void> {
    for (let look = 0; !this.#isStopped(); look += 1) {
      if (look > 0) {
        await this.#sleep(backoffMs(LOOK, look, 1));
        if (this.#isStopped()) return;
        await this.#look();
      }
      const found = this.#found;
      if (typeof found === 'string') continue;
      if (!isComplete(found) && look % LOOKS_A_BRINGING === 0) await this.#bring(found);
      if (this.#isStopped()) return;
      const now = this.#found as Interpreter;
      // What only lacks cloudpickle was tried once: most never need it.
      this.#say(readBy(now, { are: 'stuck', why: installAdvice(now) }));
      if (this.#pickles.are === 'run') return;
    }
  }

  /** Is there now what was missing? */
  async #look(): Promise<void> {
    const { python, environment, packages, onFound, renew, log } = this.#parts;
    const before = this.#found;
    const found = await findInterpreter(python, environment, [packages]);
    if (this.#isStopped()) return;
    this.#found = found;
    if (typeof found === 'string') return;
    if (typeof before === 'string') {
      this.#say(readBy(found, { are: 'coming' }));
      log('info', 'there is a Python now', { python: found.executable, version: found.version });
      onFound(found);
    } else if (dillOf(found) !== '' && dillOf(before) === '') await this.#renew(renew);
  }

  async #bring(interpreter: Interpreter): Promise<void> {
    const { environment, dataDir, packages, mark, python, renew, log } = this.#parts;
    try {
      const folder = await bringPackages({
        interpreter,
        folder: packages,
        work: workFolder(dataDir, mark),
        environment: { ...environment, [MARK_NAME]: mark },
        signal: this.#stopping.signal,
        tell: (way, why) => log('info', 'dill and cloudpickle cannot be brought this way', { way, why }),
      });
      if (folder === undefined) return;
      const found = await findInterpreter(python, environment, [packages]);
      if (typeof found === 'string') return;
      // Renewed before it is said: runners forked before dill was there must not get a pickled call.
      await this.#renew(renew);
      this.#found = found;
    } catch (error) {
      if (!this.#isStopped()) log('warn', 'dill and cloudpickle could not be brought', { why: String(error) });
    }
  }

  async #renew(renew: () => Promise<void>): Promise<void> {
    await renew().catch((error: unknown) => {
      // Runners that cannot start are the roster's affair, which tries again.
      this.#parts.log('warn', 'Python could not be started anew with dill', { why: String(error) });
    });
  }

  #say(pickles: Pickles): void {
    const before = this.#pickles;
    this.#pickles = pickles;
    if (before.are === pickles.are) return;
    if (pickles.are === 'stuck') this.#parts.log('warn', pickles.why, {});
    this.#parts.onPickles();
  }

  #sleep(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(ms, done);
      signal.addEventListener('abort', done, { once: true });
      function done(): void {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
  }
}

/** They run where there is dill, `otherwise` where there is none. */
function readBy(interpreter: Interpreter, otherwise: Pickles): Pickles {
  const dill = dillOf(interpreter);
  return dill === '' ? otherwise : { are: 'run', dill };
}

/** Pickled functions in the words of a snapshot. */
export function picklesInWords(pickles: Pickles): Required<Pick<RuntimeSnapshot, 'pickles' | 'pickles_soon' | 'dill'>> {
  switch (pickles.are) {
    case 'run':
      return { pickles: '', pickles_soon: false, dill: pickles.dill };
    case 'coming':
      return { pickles: 'dill, which reads pickled functions, is being brought', pickles_soon: true, dill: '' };
    case 'stuck':
      return { pickles: pickles.why, pickles_soon: false, dill: '' };
  }
}
