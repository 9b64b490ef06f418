// JavaScript children: each is a Node process of its own, under a keeper where there is a Python.
import type { Child } from './child.ts';
import type { ChildSource } from './children.ts';
import { startKept } from './keeper.ts';
import { planLaunch, type LaunchRequest } from './launch.ts';
import { killMarked } from './marks.ts';

export interface JavaScriptOptions {
  cwd: string;
  environment: LaunchRequest['environment'];
  mark: string;
  /** The Python that keeps them (keeper.ts), or undefined where there is none. */
  keeper: string | undefined;
}

export class JavaScriptChildren implements ChildSource {
  readonly runtime = 'javascript';
  readonly version = process.versions.node;
  readonly problem = '';
  readonly #options: JavaScriptOptions;
  readonly #alive = new Set<Child>();
  #made = 0;

  constructor(options: JavaScriptOptions) {
    this.#options = options;
  }

  async make(): Promise<Child> {
    const mark = `${this.#options.mark}.j${this.#made++}`;
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
    const started = await startKept(launch, ([, lifeline]) => lifeline!.destroy());
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
    const all = [...this.#alive];
    for (const child of all) child.kill(false);
    await Promise.all(all.map((child) => child.gone));
  }
}
