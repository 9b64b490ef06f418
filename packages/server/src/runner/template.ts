// The Python template as Node sees it: forks runners on request (runtimes/python/_mpcsfaas/template.py).
import { createInterface } from 'node:readline';
import type { Socket } from 'node:net';
import type { Child, Death } from './child.ts';
import { deathInWords } from './ends.ts';
import type { Gate } from './gates.ts';
import { startKept, type Kept } from './keeper.ts';
import type { Launch } from './launch.ts';
import { killGroup } from './processes.ts';
import { whenAborted } from './starts.ts';

/** What a template says of itself once it is ready. */
export interface TemplateHello {
  version: string;
  /** Package name → why it cannot be imported. */
  problems: Record<string, string>;
}

/** How long a template may take over a fork or over reaping, in ms. */
const ANSWER_MS = 5_000;

interface Group {
  channel: Socket;
  stdout: Socket;
  stderr: Socket;
  gate: Gate;
}

interface Forked {
  group: Group;
  pid: number;
  died: (death: Death) => void;
}

interface Asked {
  group: Group;
  resolve: (child: Child) => void;
  reject: (error: Error) => void;
}

export class Template {
  readonly hello: TemplateHello;
  readonly pid: number;
  readonly #control: Socket;
  readonly #spare: { index: number; group: Group }[];
  readonly #asked = new Map<number, Asked>();
  readonly #forked = new Map<number, Forked>();
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
  readonly #sweep: () => void;
  readonly #kill: () => void;
  #alive = true;
  #retiring = false;

  private constructor(started: Kept, hello: TemplateHello, sweep: () => void) {
    this.#sweep = sweep;
    this.#kill = () => started.kill();
    this.hello = hello;
    this.pid = started.pid;
    this.#control = started.sockets[0]!;
    this.#spare = started.gates.map((gate, index) => {
      const [channel, stdout, stderr] = started.sockets.slice(1 + index * 3);
      return { index, group: { channel: channel!, stdout: stdout!, stderr: stderr!, gate } };
    });
    this.ended = started.ended.then(() => this.#over());
  }

  /**
   * Starts a template and waits until it is ready. Throws with what it wrote to stderr where it is not.
   * @param sweep - kills what is left of it once it is gone
   * @param signal - kills it while it is not ready
   */
  static async open(launch: Launch, sweep: () => void, signal: AbortSignal): Promise<Template> {
    try {
      return await Template.#open(launch, sweep, signal);
    } catch (error) {
      sweep();
      throw error;
    }
  }

  static async #open(launch: Launch, sweep: () => void, signal: AbortSignal): Promise<Template> {
    const started = await startKept(launch, ([control]) => control!.end(), signal);
    const control = started.sockets[0]!;
    const words: Buffer[] = [];
    started.process.stderr!.on('data', (chunk: Buffer) => words.length < 64 && words.push(chunk));
    started.process.stdout!.resume();
    const lines = createInterface({ input: control });
    // It passes on the errors of its input; what a dead template's channel says is told by the end of the process.
    lines.on('error', () => undefined);
    const hello = await new Promise<TemplateHello>((resolve, reject) => {
      const forget = whenAborted(signal, () => started.kill());
      lines.once('line', (line) => {
        forget();
        resolve(JSON.parse(line.slice('hello '.length)) as TemplateHello);
      });
      void started.ended.then((death) => {
        if (signal.aborted) reject(signal.reason as Error);
        const said = Buffer.concat(words).toString().trim().split('\n').at(-1) ?? '';
        reject(new Error(`${launch.command} ended at once (${deathInWords(death)}): ${said}`));
      });
    }).catch((error: unknown) => {
      for (const socket of started.sockets) socket.destroy();
      for (const gate of started.gates) gate.close();
      throw error;
    });
    const template = new Template(started, hello, sweep);
    lines.on('line', (line) => template.#heard(line));
    return template;
  }

  /** Runners that it can still fork. */
  get spare(): number {
    return this.#alive && !this.#retiring ? this.#spare.length : 0;
  }

  /** Runners of it that live or are being made. */
  get children(): number {
    return this.#asked.size + this.#forked.size;
  }

  /** Forks a runner. Rejects where the system refuses or the template dies. Call only while `spare` > 0. */
  fork(): Promise<Child> {
    const { index, group } = this.#spare.shift()!;
    return new Promise((resolve, reject) => {
      this.#asked.set(index, { group, resolve, reject });
      this.#control.write(`fork ${index}\n`);
      this.#demand(() => this.#asked.get(index)?.resolve === resolve);
    });
  }

  /** Gives up what it could fork beyond `keep` more: the descriptors are closed, here and there. */
  shed(keep: number): void {
    for (const { index, group } of this.#spare.splice(Math.max(0, keep))) {
      this.#control.write(`forget ${index}\n`);
      release(group);
    }
  }

  /** Ends it once its last runner is gone; it forks none from now on. */
  closeWhenEmpty(): void {
    this.#retiring = true;
    this.shed(0);
    if (this.children === 0) void this.close();
  }

  /** Ends it, and all that came from it. Resolves when it is gone. */
  async close(): Promise<void> {
    this.#control.destroy();
    // It ends by itself at the end of its control channel; one that cannot is killed.
    const timer = setTimeout(this.#kill, 2_000);
    await this.ended;
    clearTimeout(timer);
  }

  /** A template that still owes an answer after a while is stopped or stuck: it is killed, with all that is its. */
  #demand(owes: () => boolean): void {
    setTimeout(() => {
      if (owes()) this.#kill();
    }, ANSWER_MS).unref();
  }

  #heard(line: string): void {
    const [word, index, ...rest] = line.split(' ');
    const number = Number(index);
    if (word === 'forked') this.#onForked(number, Number(rest[0]));
    else if (word === 'refused') this.#onRefused(number, rest.join(' '));
    else if (word === 'gone') {
      const death: Death =
        rest[0] === 'signal' ? { is: 'signal', signal: Number(rest[1]) } : { is: 'exit', code: Number(rest[1]) };
      this.#forked.get(number)?.died(death);
      this.#forked.delete(number);
      if (this.#retiring) this.closeWhenEmpty();
    }
  }

  #onForked(index: number, pid: number): void {
    const asked = this.#asked.get(index);
    if (!asked) return;
    this.#asked.delete(index);
    const { promise, resolve } = Promise.withResolvers<Death>();
    this.#forked.set(index, { group: asked.group, pid, died: resolve });
    asked.resolve({
      runtime: 'python',
      pid,
      ...asked.group,
      kill: (clean) => {
        if (!this.#forked.has(index)) return;
        if (clean && this.#alive) this.#control.write(`drop ${index}\n`);
        else killGroup(pid);
        this.#demand(() => this.#forked.get(index)?.died === resolve);
      },
      gone: promise,
    });
  }

  #onRefused(index: number, why: string): void {
    const asked = this.#asked.get(index);
    if (!asked) return;
    this.#asked.delete(index);
    release(asked.group);
    asked.reject(new Error(`cannot fork a runner: ${why}`));
  }

  #over(): void {
    this.#alive = false;
    this.#control.destroy();
    for (const { group } of this.#spare.splice(0)) release(group);
    for (const { group, reject } of this.#asked.values()) {
      release(group);
      reject(new Error('the Python template process ended'));
    }
    this.#asked.clear();
    for (const { pid } of this.#forked.values()) killGroup(pid);
    this.#sweep();
    for (const { died } of this.#forked.values()) {
      died({ is: 'unknown', why: 'the Python template process, its parent, was killed' });
    }
    this.#forked.clear();
  }
}

function release(group: Group): void {
  for (const socket of [group.channel, group.stdout, group.stderr]) socket.destroy();
  group.gate.close();
}
