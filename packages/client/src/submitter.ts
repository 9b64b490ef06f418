// Tasks on their way into the queue: a lane for calls by themselves, another for those of maps, so that a call does not wait
// behind a map that is long, or waits for room. One request of a lane is under way at a time; what is submitted meanwhile goes
// together in the next one. Nothing waits for company. What is refused for want of room is sent by halves; where there is none
// for one task, a map's waits at the head. A request that may have been accepted all the same stays as it is, with its key:
// in another one its tasks would be made twice.
import { newKey, pauseMs, statusOf } from './connection.ts';
import { LEFT_MS, onAbort, pause } from './pause.ts';
import { QueueFull } from './errors.ts';
import type { Ask, Connection } from './connection.ts';

interface Wish {
  /** The task as JSON. */
  text: string;
  resolve: (id: string) => void;
  reject: (fault: unknown) => void;
  /** Once this fires nobody waits for it. */
  left: AbortSignal | undefined;
}

const MOST_TASKS = 1_000;
const MOST_CHARS = 4 * 1024 * 1024;

/** Of one lane. */
export class Submitter {
  readonly #connection: Connection;
  readonly #patient: boolean;
  readonly #key: string | undefined;
  #wishes: Wish[] = [];
  #busy = false;

  /** `patient`: its tasks wait for room in the queue, as those of maps do. `key`: of the one task that it is for. */
  constructor(connection: Connection, patient: boolean, key?: string) {
    this.#connection = connection;
    this.#patient = patient;
    this.#key = key;
  }

  /** Resolves with the task's id once it is durable. @throws FaasError, the reason of `left` */
  submit(text: string, left: AbortSignal | undefined): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#wishes.push({ text, resolve, reject, left });
      if (!this.#busy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#busy = true;
    let most = MOST_TASKS;
    // So many at the head were refused together for want of room.
    let along = 0;
    // What the same turn submits goes along.
    await Promise.resolve();
    for (;;) {
      this.#wishes = this.#wishes.filter(isWanted);
      const [first] = this.#wishes;
      if (first === undefined) break;
      let chars = 0;
      const fits = this.#wishes.findIndex(
        ({ text }, at) => at === most || (at > 0 && (chars += text.length) > MOST_CHARS),
      );
      const wishes = this.#wishes.splice(0, fits < 0 ? most : fits);
      const many = wishes.length > 1;
      // Fires with the last of theirs; the other soon after, for what is in the queue all the same is to be canceled.
      const left = new AbortController();
      const late = new AbortController();
      const signals = new Set(wishes.map((wish) => wish.left));
      let here = signals.size;
      const leave = (): void => {
        if (--here > 0) return;
        left.abort();
        onAbort(AbortSignal.timeout(LEFT_MS), () => late.abort());
      };
      const forgets = Array.from(signals, (signal) => onAbort(signal, leave));
      const asked: Ask = {
        many,
        body: many ? `{"tasks":[${wishes.map(({ text }) => text).join(',')}]}` : first.text,
        key: this.#key ?? newKey(),
        left: left.signal,
        signal: late.signal,
        patient: this.#patient,
      };
      try {
        const { task_id, task_ids = [task_id] } = await this.#connection.ask<{ task_id: string; task_ids?: string[] }>(
          'POST',
          `/v1/tasks${many ? '/batch' : ''}`,
          asked,
        );
        wishes.forEach(({ resolve }, at) => resolve(task_ids[at] ?? ''));
        along -= wishes.length;
        most = Math.min(most * 2, MOST_TASKS);
      } catch (fault) {
        const isFull = fault instanceof QueueFull;
        if (isFull) along = Math.max(along, wishes.length);
        // Nothing of a refused batch is accepted, and neither was anything by a try before, but where a function went in
        // between: whose fault it is, or for how many there is room, comes out by halves.
        const half = isOfOne(fault) || (isFull && !asked.inDoubt) ? wishes.length >> 1 : 0;
        const waits = !half && this.#patient && statusOf(fault) === 429;
        most = half || most;
        this.#wishes.unshift(...wishes);
        if (waits) await pause(pauseMs(fault, 0), left.signal).catch(() => undefined);
        else if (!half) {
          // Where there is no room for one there is none for those with it.
          const refused = this.#wishes.splice(0, isFull ? along : wishes.length);
          along -= refused.length;
          for (const { reject } of refused) reject(fault);
        }
      } finally {
        for (const forget of forgets) forget();
      }
    }
    this.#busy = false;
  }
}

/** False, and told so, where nobody waits for it any more. */
function isWanted({ left, reject }: Wish): boolean {
  if (!left?.aborted) return true;
  reject(left.reason);
  return false;
}

/** Refused for what one of the tasks is, not for who asks or when. */
function isOfOne(fault: unknown): boolean {
  return [400, 404, 413, 422].includes(statusOf(fault));
}
