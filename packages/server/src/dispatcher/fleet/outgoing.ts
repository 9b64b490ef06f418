// What waits to be told to one worker, and how much of it fits the next message. No socket here.
import {
  PART_BYTES,
  PART_WINDOW_BYTES,
  PayloadWriter,
  type DispatcherItem,
  type PartOf,
  type TaskItem,
} from '../../protocol/index.ts';
import type { ClaimedTask } from '../../store/index.ts';

/** A message is closed when it holds so many bytes of payloads and of headers, or so many tasks. */
const FULL_BYTES = PART_BYTES;
const FULL_TASKS = 512;

type TokenList = 'settled' | 'resend' | 'drop' | 'recall';

/** `since`: when it was given, monotonic ms. */
interface Leaving {
  task: ClaimedTask;
  since: number;
}

export interface Message {
  items: DispatcherItem[];
  payloads: Buffer[];
}

export class Outgoing {
  #items: DispatcherItem[] = [];
  readonly #tokens = new Map<TokenList, string[]>();
  #codes: { digest: string; bytes: Buffer }[] = [];
  #tasks: Leaving[] = [];
  readonly #parts: { t: string; of: PartOf; bytes: Buffer; offset: number }[] = [];
  #partBytesSent = 0;
  #partBytesReceived = 0;

  say(item: DispatcherItem): void {
    this.#items.push(item);
  }

  name(list: TokenList, token: string): void {
    const tokens = this.#tokens.get(list);
    if (tokens === undefined) this.#tokens.set(list, [token]);
    else tokens.push(token);
  }

  task(task: ClaimedTask, mono: number): void {
    this.#tasks.push({ task, since: mono });
  }

  code(digest: string, bytes: Buffer): void {
    if (bytes.length > PART_BYTES) this.#parts.push({ t: digest, of: 'code', bytes, offset: 0 });
    else this.#codes.push({ digest, bytes });
  }

  /** The worker's word on how many part bytes it has received: opens the window. */
  received(partBytes: number): void {
    this.#partBytesReceived = Math.max(this.#partBytesReceived, partBytes);
  }

  /** Takes a task back that has not left yet. */
  recallUnsent(token: string): ClaimedTask | undefined {
    const at = this.#tasks.findIndex(({ task }) => task.fence.token === token);
    return at < 0 ? undefined : this.#tasks.splice(at, 1)[0]!.task;
  }

  /** Parts of an attempt that is over or dropped need not travel. */
  forget(token: string): void {
    const at = this.#parts.findIndex((part) => part.t === token);
    if (at >= 0) this.#parts.splice(at, 1);
  }

  /** Have some parts of its arguments not left yet? */
  isLeaving(token: string): boolean {
    return this.#parts.some((part) => part.t === token);
  }

  get hasTalk(): boolean {
    return this.#items.length > 0 || this.#tokens.size > 0 || this.#codes.length > 0;
  }

  get hasWork(): boolean {
    return this.#tasks.length > 0 || this.#mayPart();
  }

  /** Takes back what has not left yet, of what was given until then, monotonic ms. */
  takeUnsent(givenUntil = Number.POSITIVE_INFINITY): ClaimedTask[] {
    // Nearly always there is nothing, or all of it is newer.
    if (this.#tasks.length === 0 || this.#tasks[0]!.since > givenUntil) return [];
    const unsent = this.#tasks.filter(({ since }) => since <= givenUntil).map(({ task }) => task);
    this.#tasks = this.#tasks.filter(({ since }) => since > givenUntil);
    return unsent;
  }

  /**
   * The next message. `work`: may it carry tasks and parts (on a pull worker's asking lane, and always on push)?
   * `deliver` numbers the delivery and takes note of it; it leaves at `mono`.
   */
  take(work: boolean, mono: number, deliver: (tasks: readonly ClaimedTask[]) => number): Message {
    const writer = new PayloadWriter();
    const items = this.#items;
    this.#items = [];
    for (const [list, tokens] of this.#tokens) items.push({ k: list, tokens });
    this.#tokens.clear();
    while (this.#codes.length > 0 && writer.bytes < FULL_BYTES) {
      const { digest, bytes } = this.#codes.shift()!;
      items.push({ k: 'code', digest, bytes: writer.add(bytes) });
    }
    if (work && writer.bytes < FULL_BYTES) {
      if (this.#tasks.length > 0) items.push(this.#takeTasks(writer, mono, deliver));
      if (this.#mayPart() && writer.bytes < FULL_BYTES / 2) items.push(this.#takePart(writer));
    }
    return { items, payloads: writer.frames() };
  }

  #takeTasks(writer: PayloadWriter, mono: number, deliver: (tasks: readonly ClaimedTask[]) => number): DispatcherItem {
    const leaving: ClaimedTask[] = [];
    const tasks: TaskItem[] = [];
    const headers = new Map<Buffer, number>();
    let headerBytes = 0;
    for (const { task, since } of this.#tasks) {
      if (leaving.length >= FULL_TASKS || writer.bytes + headerBytes >= FULL_BYTES) break;
      const { fence, packed, args, startWithinMs } = task;
      leaving.push(task);
      let h = headers.get(packed);
      if (h === undefined) {
        headers.set(packed, (h = headers.size));
        headerBytes += packed.length;
      }
      const item: TaskItem = { t: fence.token, id: fence.id, a: fence.attempt, h, args: writer.addOrParts(args) };
      if (startWithinMs !== undefined) item.within = Math.max(0, Math.ceil(startWithinMs - (mono - since)));
      tasks.push(item);
      if (args.length > PART_BYTES) this.#parts.push({ t: fence.token, of: 'args', bytes: args, offset: 0 });
    }
    this.#tasks = this.#tasks.slice(leaving.length);
    return { k: 'tasks', number: deliver(leaving), headers: [...headers.keys()], tasks };
  }

  #takePart(writer: PayloadWriter): DispatcherItem {
    const part = this.#parts[0]!;
    const { t, of, bytes, offset } = part;
    const chunk = bytes.subarray(offset, offset + PART_BYTES);
    part.offset += chunk.length;
    this.#partBytesSent += chunk.length;
    if (part.offset >= bytes.length) this.#parts.shift();
    return { k: 'part', t, of, offset, total: bytes.length, bytes: writer.add(chunk) };
  }

  #mayPart(): boolean {
    return this.#parts.length > 0 && this.#partBytesSent - this.#partBytesReceived < PART_WINDOW_BYTES;
  }
}
