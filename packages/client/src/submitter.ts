// Tasks on their way into the queue. One request is under way at a time; what is submitted meanwhile goes together in the
// next one. Nothing waits for company. What is refused for want of room waits at the head where it belongs to a map; a
// request that may have been accepted all the same stays as it is, with its key: in another one its tasks would be made twice.
import { newKey, pauseMs, statusOf } from './connection.ts';
import { orAborted, pause } from './pause.ts';
import type { Connection } from './connection.ts';

interface Wish {
  /** The task as JSON. */
  text: string;
  resolve: (id: string) => void;
  reject: (fault: unknown) => void;
  /** Until this fires it waits for room in the queue; without one it is refused with those that wait for nothing. */
  room: AbortSignal | undefined;
}

/** `fault`: the last of several, with pauses between them. */
interface Full {
  refused: readonly Wish[];
  untried: readonly Wish[];
  fault: unknown;
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

  /** Resolves with the task's id once it is durable. @throws FaasError, the reason of `room` */
  submit(text: string, room?: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#wishes.push({ text, resolve, reject, room });
      if (!this.#busy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#busy = true;
    // What the same turn submits goes along.
    await Promise.resolve();
    for (;;) {
      this.#wishes = this.#wishes.filter(isWanted);
      if (this.#wishes.length === 0) break;
      let chars = 0;
      const fits = this.#wishes.findIndex(
        ({ text }, at) => at === MOST_TASKS || (at > 0 && (chars += text.length) > MOST_CHARS),
      );
      const full = await this.#send(this.#wishes.splice(0, fits < 0 ? this.#wishes.length : fits));
      if (full !== undefined) await this.#putBack(full);
    }
    this.#busy = false;
  }

  /** What was refused for want of room is answered. */
  async #send(wishes: readonly Wish[]): Promise<Full | undefined> {
    const [first] = wishes;
    if (first === undefined) return undefined;
    const repeatUntil = wishes.every(({ room }) => room === first.room) ? first.room : undefined;
    // Those who wait for no room wait along: what they are to be told comes with the answer.
    const isPatient = (): boolean => wishes.some(({ room }) => room?.aborted === false);
    const isOne = wishes.length === 1;
    const body = isOne ? first.text : `{"tasks":[${wishes.map(({ text }) => text).join(',')}]}`;
    const asked = { body, key: newKey(), repeatUntil, isPatient };
    try {
      const path = `/v1/tasks${isOne ? '' : '/batch'}`;
      const told = await this.#connection.ask<{ task_id: string; task_ids?: string[] }>('POST', path, asked);
      const { task_ids = [told.task_id] } = told;
      wishes.forEach(({ resolve }, at) => resolve(task_ids[at] ?? ''));
    } catch (fault) {
      if (wishes.length > 1 && isOfOne(fault)) {
        // Nothing of a refused batch is accepted, and neither was anything by a try before, but where a function went in
        // between: whose fault it is comes out by halves.
        const half = wishes.length >> 1;
        const full = await this.#send(wishes.slice(0, half));
        if (full === undefined) return this.#send(wishes.slice(half));
        return { ...full, untried: [...full.untried, ...wishes.slice(half)] };
      }
      if (isFull(fault)) return { refused: wishes, untried: [], fault };
      for (const { reject } of wishes) reject(fault);
    }
    return undefined;
  }

  async #putBack({ refused, untried, fault }: Full): Promise<void> {
    for (const { room, reject } of refused) if (room === undefined) reject(fault);
    const patient = refused.filter(({ room }) => room !== undefined);
    this.#wishes = [...patient, ...untried, ...this.#wishes];
    if (patient.length > 0)
      await orAborted(pause(pauseMs(fault, 0), undefined), patient[0]?.room).catch(() => undefined);
  }
}

/** False, and told so, where nobody waits for it any more. */
function isWanted({ room, reject }: Wish): boolean {
  if (room?.aborted !== true) return true;
  reject(room.reason);
  return false;
}

/** There is no room for it now. */
function isFull(fault: unknown): boolean {
  return statusOf(fault) === 429;
}

/** Refused for what one of the tasks is, not for who asks or when. */
function isOfOne(fault: unknown): boolean {
  return [400, 404, 413, 422].includes(statusOf(fault));
}
