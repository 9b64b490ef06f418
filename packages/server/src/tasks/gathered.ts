// One answer about many tasks while it is put together: what has ended, what is open, what nobody knows. Pure.
import { HISTORY_KEPT } from '@mpcsfaas/contract/words';
import { MOST_NOTE, type EndedTask, type TaskEnd } from '../store/index.ts';
import type { Progress } from './reader.ts';

/** What one answer may hold before the rest is left for the next, bytes. */
const ANSWER_BYTES = 32 * 1024 * 1024;

export interface ManyEnds {
  ended: EndedTask[];
  pending: string[];
  unknown: string[];
}

export class Gathered {
  readonly #ids: readonly string[];
  readonly #ended: EndedTask[] = [];
  readonly #unknown: string[] = [];
  /** Read as not ended, or not read because the answer was full. */
  readonly open: Set<string>;
  #bytes = 0;

  /** No id twice. */
  constructor(ids: readonly string[]) {
    this.#ids = ids;
    this.open = new Set(ids);
  }

  /** Bytes of the ends in it. */
  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes > ANSWER_BYTES;
  }

  /** Is it time to answer, whatever the time? */
  isEnough(waitFor: 'any' | 'all'): boolean {
    return this.open.size === 0 || this.isFull || (waitFor === 'any' && this.#ended.length > 0);
  }

  /** Takes what was read of these ids. */
  read(ids: readonly string[], all: readonly Progress[]): void {
    all.forEach((progress, i) => {
      const id = ids[i]!;
      if (progress.is === 'ended') this.#end(progress.end);
      else if (progress.is === 'missing' && this.open.delete(id)) this.#unknown.push(id);
    });
  }

  /** Takes ends that were announced; answers the ids of those that came without their result. */
  hear(ends: readonly TaskEnd[]): string[] {
    const untold: string[] = [];
    for (const { id, end } of ends) {
      if (end !== undefined) this.#end(end);
      else if (this.open.has(id)) untold.push(id);
    }
    return untold;
  }

  answer(): ManyEnds {
    return { ended: this.#ended, pending: this.#ids.filter((id) => this.open.has(id)), unknown: this.#unknown };
  }

  #end(end: EndedTask): void {
    if (this.isFull || !this.open.delete(end.id)) return;
    this.#ended.push(end);
    this.#bytes += sizeOf(end);
  }
}

/** Of an end in an answer, bytes, about; a history that is still to be read by the most that it can have. */
function sizeOf({ result, error, hasHistory }: EndedTask): number {
  const texts = error === null ? 0 : error.message.length + error.traceback.length;
  const history = hasHistory ? HISTORY_KEPT * MOST_NOTE : 0;
  return (result.json?.length ?? 0) + (result.pickle?.length ?? 0) + texts + history;
}
