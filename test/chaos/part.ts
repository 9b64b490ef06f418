// One program of the system under test, as a supervisor sees it: started, killed, started again on the same data.
import type { Program } from '../harness/program.ts';
import { now } from './now.ts';

/** How long a supervisor tries to start a program before the run is given up, ms. */
const PATIENCE_MS = 60_000;
/** How much is kept of what earlier processes of a part wrote. */
const LOG_BYTES = 200_000;

export type Role = 'service' | 'dispatcher' | 'worker' | 'up' | 'redis';

export interface Part {
  readonly name: string;
  readonly role: Role;
  /** Of the process that runs now, or ran last. */
  pid(): number;
  running(): boolean;
  /** Starts it and resolves when it says that it is ready (a worker: when it has registered). */
  start(): Promise<void>;
  kill(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** How the newest process ended, once it has. Whoever asked for that end awaits it here. */
  ended(): Promise<number | NodeJS.Signals>;
  /** What is written here is an end that was wanted: it is no crash. */
  expectEnd(): void;
  output(): string;
}

export interface Recipe {
  name: string;
  role: Role;
  begin: () => Program;
  ready: RegExp;
}

/** Tells `crashed` of every end that nobody asked for after the program was ready. */
export function part({ name, role, begin, ready }: Recipe, crashed: (part: Part, how: number | string) => void): Part {
  let program: Program | undefined;
  let over = true;
  let wanted = false;
  let outputs = '';
  const current = (): Program => {
    if (program === undefined) throw new Error(`${name} was never started`);
    return program;
  };
  const isWanted = (): boolean => wanted;
  const self: Part = {
    name,
    role,
    pid: () => current().pid,
    running: () => !over,
    start: async () => {
      const until = now() + PATIENCE_MS;
      for (;;) {
        outputs = program === undefined ? outputs : `${outputs}${program.output()}\n`.slice(-LOG_BYTES);
        const begun = (program = begin());
        over = false;
        wanted = false;
        let isReady = false;
        void begun.ended.then((how) => {
          if (program !== begun) return;
          over = true;
          if (isReady && !wanted) crashed(self, how);
        });
        try {
          await begun.says(ready);
          isReady = true;
          return;
        } catch (error) {
          // Its store or its port may be away because of another fault: a supervisor tries again.
          if (isWanted()) return;
          if (now() > until) throw error;
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      }
    },
    kill: async () => {
      wanted = true;
      await current().kill();
    },
    signal: (signal) => current().signal(signal),
    ended: () => current().ended,
    expectEnd: () => {
      wanted = true;
    },
    output: () => `${outputs}${program?.output() ?? ''}`,
  };
  return self;
}
