// Tasks on their way into the queue. One request is under way at a time; what is submitted meanwhile goes together in the
// next one. Nothing waits for company.
import { FaasError } from './errors.ts';
import { newKey } from './connection.ts';
import type { Connection } from './connection.ts';

interface Wish {
  /** The task as JSON. */
  text: string;
  resolve: (id: string) => void;
  reject: (fault: unknown) => void;
}

const MOST_TASKS = 1_000;
const MOST_CHARS = 4 * 1024 * 1024;

export class Submitter {
  readonly #connection: Connection;
  #wishes: Wish[] = [];
  #busy = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Resolves with the task's id once it is durable. @throws FaasError */
  submit(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#wishes.push({ text, resolve, reject });
      if (!this.#busy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#busy = true;
    // What the same turn submits goes along.
    await Promise.resolve();
    while (this.#wishes.length > 0) {
      let chars = 0;
      const fits = this.#wishes.findIndex(
        ({ text }, at) => at === MOST_TASKS || (at > 0 && (chars += text.length) > MOST_CHARS),
      );
      await this.#send(this.#wishes.splice(0, fits < 0 ? this.#wishes.length : fits));
    }
    this.#busy = false;
  }

  async #send(wishes: readonly Wish[]): Promise<void> {
    const [first] = wishes;
    if (first === undefined) return;
    try {
      const key = newKey();
      if (wishes.length === 1) {
        const { task_id } = await this.#connection.ask<{ task_id: string }>('POST', '/v1/tasks', {
          body: first.text,
          key,
        });
        first.resolve(task_id);
        return;
      }
      const body = `{"tasks":[${wishes.map(({ text }) => text).join(',')}]}`;
      const { task_ids } = await this.#connection.ask<{ task_ids: string[] }>('POST', '/v1/tasks/batch', { body, key });
      wishes.forEach(({ resolve }, at) => resolve(task_ids[at] ?? ''));
    } catch (fault) {
      if (wishes.length > 1 && isOfOne(fault)) {
        // Nothing of a refused batch is accepted: whose fault it is comes out by halves.
        const half = wishes.length >> 1;
        await this.#send(wishes.slice(0, half));
        await this.#send(wishes.slice(half));
      } else for (const { reject } of wishes) reject(fault);
    }
  }
}

/** Refused for what one of the tasks is, not for who asks or when. */
function isOfOne(fault: unknown): boolean {
  const status = fault instanceof FaasError ? (fault.problem?.status ?? 0) : 0;
  return status === 400 || status === 404 || status === 413 || status === 422;
}
