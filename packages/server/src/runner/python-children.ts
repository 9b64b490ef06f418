// Python children: forked from the oldest template that still can; one whose forks run low is followed by the next in the
// background.
import type { Cancel, LiveClock } from '../clock.ts';
import type { Child } from './child.ts';
import type { ChildSource } from './children.ts';
import type { Interpreter } from './interpreter.ts';
import { planLaunch, type LaunchRequest } from './launch.ts';
import { killMarked } from './marks.ts';
import { Starts } from './starts.ts';
import { nextGroups, QUIET_MS, smallGroups } from './template-size.ts';
import { Template } from './template.ts';

export interface PythonOptions {
  slots: number;
  importPath: readonly string[];
  /** Folder at the end of the import path, for dill where Python has none; it may not exist yet. */
  packages: string;
  cwd: string;
  environment: LaunchRequest['environment'];
  mark: string;
  /** Under a keeper (keeper.ts). */
  kept: boolean;
  clock: LiveClock;
  /** How long a template may take until it is ready, in ms. */
  startMs: number;
}

export class PythonChildren implements ChildSource {
  readonly runtime = 'python';
  #version = '';
  #problem = '';
  #executable = '';
  readonly #options: PythonOptions;
  readonly #templates = new Set<Template>();
  /** Runners that the next template can fork. */
  #groups: number;
  /** When the start of the last one that came up began, monotonic ms. */
  #openedAt = Number.NEGATIVE_INFINITY;
  #stopQuiet: Cancel = () => undefined;
  readonly #outdated = new WeakSet<Template>();
  #opening: Promise<Template> | undefined;
  readonly #starts: Starts;
  #made = 0;
  #closed = false;

  /** `found` is the interpreter, or the sentence that says why there is none. */
  constructor(found: Interpreter | string, options: PythonOptions) {
    this.#options = options;
    this.#starts = new Starts(options.clock, options.startMs);
    this.#groups = smallGroups(options.slots);
    if (typeof found === 'string') this.#problem = found;
    else this.found(found);
  }

  get version(): string {
    return this.#version;
  }

  get problem(): string {
    return this.#problem;
  }

  /** There is an interpreter now. */
  found(interpreter: Interpreter): void {
    this.#version = interpreter.version;
    this.#executable = interpreter.executable;
    this.#problem = '';
  }

  /** Runners to come are forked from a new template: it imports what has been brought since. */
  async renew(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    const fresh = await this.#open();
    for (const old of this.#templates) {
      if (old === fresh) continue;
      this.#outdated.add(old);
      old.closeWhenEmpty();
    }
  }

  async make(): Promise<Child> {
    if (this.problem !== '') throw new Error(this.problem);
    const template = this.#withSpare() ?? (await this.#open());
    if (template.spare === 0) return this.make();
    const making = template.fork();
    this.#openAhead();
    const child = await making;
    if (!this.#outdated.has(template)) return child;
    child.kill(false);
    return this.make();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopQuiet();
    await this.#starts.close();
    await this.#opening?.catch(() => undefined);
    await Promise.all([...this.#templates].map((template) => template.close()));
  }

  /** The oldest template that can still fork; those that never will again end with their last runner. */
  #withSpare(): Template | undefined {
    for (const template of this.#templates) {
      if (template.spare > 0) return template;
      template.closeWhenEmpty();
    }
    return undefined;
  }

  /** A template takes a while to start: the next one is started before the last fork of this one. */
  #openAhead(): void {
    if (this.#opening || this.#closed) return;
    let spare = 0;
    for (const template of this.#templates) spare += template.spare;
    if (spare > this.#groups / 2) return;
    this.#groups = nextGroups(this.#groups, this.#options.clock.mono() - this.#openedAt);
    this.#open().catch(() => undefined); // the next make() tries again and tells
  }

  /** Nobody forks much any more: of what lies ready, as much is kept as there is when a small template has followed another. */
  #quiet(): void {
    this.#groups = smallGroups(this.#options.slots);
    let left = (this.#groups * 3) / 2;
    for (const template of this.#templates) {
      template.shed(left);
      left -= template.spare;
    }
  }

  #open(): Promise<Template> {
    if (this.#closed) return Promise.reject(new Error('the pool is closed'));
    this.#opening ??= this.#start().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #start(): Promise<Template> {
    const { clock } = this.#options;
    const began = clock.mono();
    const mark = `${this.#options.mark}.p${this.#made++}`;
    const launch = planLaunch({
      runtime: 'python',
      tenant: 'default',
      profile: 'bare',
      limits: { memoryBytes: 0 },
      executable: this.#executable,
      importPath: this.#options.importPath,
      packages: this.#options.packages,
      cwd: this.#options.cwd,
      environment: this.#options.environment,
      mark,
      groups: this.#groups,
      keeper: this.#options.kept ? this.#executable : undefined,
    });
    const template = await this.#starts.run(this.#executable, (signal) =>
      Template.open(launch, () => killMarked(mark), signal),
    );
    this.#openedAt = began;
    this.#stopQuiet();
    if (!this.#closed) this.#stopQuiet = clock.after(QUIET_MS, () => this.#quiet());
    this.#templates.add(template);
    void template.ended.then(() => this.#templates.delete(template));
    return template;
  }
}
