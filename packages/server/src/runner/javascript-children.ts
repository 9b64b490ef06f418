// JavaScript children: each is a Node process of its own.
import { constants } from 'node:os';
import type { Child, Death } from './child.ts';
import type { ChildSource } from './children.ts';
import { planLaunch, type LaunchRequest } from './launch.ts';
import { killMarked } from './marks.ts';
import { killGroup } from './processes.ts';
import { start } from './spawn.ts';

export interface JavaScriptOptions {
  cwd: string;
  environment: LaunchRequest['environment'];
  mark: string;
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
    });
    const started = await start(launch);
    const [channel, lifeline] = started.sockets;
    const { promise: gone, resolve } = Promise.withResolvers<Death>();
    let dead = false;
    let clean = false;
    const child: Child = {
      runtime: 'javascript',
      pid: started.pid,
      channel: channel!,
      stdout: started.process.stdout as Child['stdout'],
      stderr: started.process.stderr as Child['stderr'],
      gate: started.gates[0]!,
      kill: (leftNothing) => {
        clean = leftNothing;
        if (!dead) killGroup(started.pid);
      },
      gone,
    };
    this.#alive.add(child);
    started.process.once('exit', (code, signal) => {
      dead = true;
      lifeline!.destroy();
      this.#alive.delete(child);
      // The group's number may be given again only when its last member is gone, so this reaches stragglers or nobody.
      try {
        process.kill(-started.pid, 'SIGKILL');
      } catch {
        // No straggler.
      }
      if (!clean) killMarked(mark);
      resolve(signal ? { is: 'signal', signal: constants.signals[signal] } : { is: 'exit', code: code ?? 0 });
    });
    return child;
  }

  async close(): Promise<void> {
    const all = [...this.#alive];
    for (const child of all) child.kill(false);
    await Promise.all(all.map((child) => child.gone));
  }
}
