// JavaScript children: each is a Node process of its own, under a keeper where there is a Python.
import type { Child } from './child.ts';
import type { ChildSource } from './children.ts';
import type { LiveClock } from '../clock.ts';
import { startKept } from './keeper.ts';
import { planLaunch, type LaunchRequest } from './launch.ts';
import { killMarked } from './marks.ts';
import { Starts } from './starts.ts';

export interface JavaScriptOptions {
  cwd: string;
  environment: LaunchRequest['environment'];
  mark: string;
  /** The Python that keeps them (keeper.ts), or undefined where there is none. */
  keeper: string | undefined;
  clock: LiveClock;
  /** How long a keeper may take until it has started one, in ms. */
  startMs: number;
}

export class JavaScriptChildren implements ChildSource {
  readonly runtime = 'javascript';
  readonly version = process.versions.node;
  readonly problem = '';
  readonly #options: JavaScriptOptions;
  readonly #alive = new Set<Child>();
  readonly #starts: Starts;
  #made = 0;

  constructor(options: JavaScriptOptions) {
    this.#options = options;
    this.#starts = new Starts(options.clock, options.startMs);
  }

  async make(): Promise<Child> {
    const mark = `${this.#options.mark}.j${this.#made++}`;
    try {
      return await this.#starts.run(process.execPath, (signal) => this.#start(mark, signal));
    } catch (error) {
      killMarked(mark);
      throw error;
    }
  }

  async #start(mark: string, signal: AbortSignal): Promise<Child> {
    const launch = planLaunch({
      runtime: 'javascript',
      tenant: 'default',
      profile: 'bare',
      limits: { memoryBytes: 0 },
      executable: process.execPath,
      importPath: [],
      packages: undefined,
      cwd: this.#options.cwd,
      environment: this.#options.environment,
      mark,
      groups: 0,
      keeper: this.#options.keeper,
    });
    const started = await startKept(launch, ([, lifeline]) => lifeline!.destroy(), signal);
    const [channel, lifeline] = started.sockets;
    let clean = false;
    const gone = started.ended.then((death) => {
      lifeline!.destroy();
      this.#alive.delete(child);
      if (!clean && (!launch.kept || death.is === 'unknown')) killMarked(mark);
      return death;
    });
    const child: Child = {
      runtime: 'javascript',
      pid: started.pid,
      channel: channel!,
      stdout: started.process.stdout as Child['stdout'],
      stderr: started.process.stderr as Child['stderr'],
      gate: started.gates[0]!,
      kill: (leftNothing) => {
        clean = leftNothing;
        started.kill();
      },
      gone,
    };
    this.#alive.add(child);
    return child;
  }

  async close(): Promise<void> {
    await this.#starts.close();
    const all = [...this.#alive];
    for (const child of all) child.kill(false);
    await Promise.all(all.map((child) => child.gone));
  }
}
