// A call's output: the first bytes and the last ones of each stream, whatever it prints in all.
import { LOG_STREAMS, type LogStream } from '@mpcsfaas/contract/words';
import type { LogChunk, StreamLog, TaskLogs } from '../lifecycle/outcome.ts';

export interface LogLimits {
  headBytes: number;
  tailBytes: number;
}

/** One stream. Never holds more than headBytes plus twice tailBytes. */
class StreamKeeper {
  readonly #limits: LogLimits;
  #head: Buffer[] = [];
  #headSize = 0;
  #tail: Buffer[] = [];
  #tailSize = 0;
  #total = 0;
  #told = 0;

  constructor(limits: LogLimits) {
    this.#limits = limits;
  }

  add(bytes: Buffer): void {
    this.#total += bytes.length;
    const toHead = Math.min(bytes.length, this.#limits.headBytes - this.#headSize);
    if (toHead > 0) {
      this.#head.push(bytes.subarray(0, toHead));
      this.#headSize += toHead;
    }
    if (toHead === bytes.length) return;
    this.#tail.push(bytes.subarray(Math.max(toHead, bytes.length - this.#limits.tailBytes)));
    this.#tailSize += this.#tail.at(-1)!.length;
    // Small pieces are joined now and then, so that a million of them do not become a million objects.
    if (this.#tailSize > 2 * this.#limits.tailBytes || this.#tail.length > 1024) this.#trim();
    if (this.#head.length > 1024) this.#head = [Buffer.concat(this.#head)];
  }

  kept(): StreamLog {
    this.#trim();
    return { head: Buffer.concat(this.#head), tail: Buffer.concat(this.#tail), total: this.#total };
  }

  /** What came since the last time and is still kept. */
  news(stream: LogStream): LogChunk[] {
    if (this.#told === this.#total) return [];
    const { head, tail, total } = this.kept();
    const tailAt = total - tail.length;
    const chunks: LogChunk[] = [];
    if (this.#told < head.length) chunks.push({ stream, offset: this.#told, bytes: head.subarray(this.#told) });
    const from = Math.max(this.#told, tailAt);
    if (from < total) chunks.push({ stream, offset: from, bytes: tail.subarray(from - tailAt) });
    this.#told = total;
    return chunks;
  }

  #trim(): void {
    const all = Buffer.concat(this.#tail);
    const rest =
      all.length > this.#limits.tailBytes ? Buffer.from(all.subarray(all.length - this.#limits.tailBytes)) : all;
    this.#tail = rest.length > 0 ? [rest] : [];
    this.#tailSize = rest.length;
  }
}

/** Both streams of one call. */
export class CallLogs {
  readonly #streams: Record<LogStream, StreamKeeper>;

  constructor(limits: LogLimits) {
    this.#streams = { stdout: new StreamKeeper(limits), stderr: new StreamKeeper(limits) };
  }

  add(stream: LogStream, bytes: Buffer): void {
    this.#streams[stream].add(bytes);
  }

  kept(): TaskLogs {
    return { stdout: this.#streams.stdout.kept(), stderr: this.#streams.stderr.kept() };
  }

  news(): LogChunk[] {
    return LOG_STREAMS.flatMap((stream) => this.#streams[stream].news(stream));
  }
}
