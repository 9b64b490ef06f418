// Writes the ends of tasks as JSON or as frames, with stored JSON and pickles put in as they are.
import { FRAMES } from '@mpcsfaas/contract';
import type { FastifyReply } from 'fastify';
import type { EndedTask } from '../store/index.ts';
import { describeError, timeText } from '../tasks/describe.ts';
import { inForm } from '../tasks/result-form.ts';
import { AnswerParts } from './answer-parts.ts';
import { lengthPrefix } from './frames.ts';

type Form = 'json' | 'pickle' | undefined;

/** Collects one answer; `framed`: pickles become frames. */
export class ResultWriter {
  readonly #framed: boolean;
  readonly #head: (string | { json: Buffer } | { pickle: Buffer })[] = [];
  readonly #frames: Buffer[] = [];

  constructor(framed: boolean) {
    this.#framed = framed;
  }

  text(text: string): this {
    this.#head.push(text);
    return this;
  }

  /** A `TaskResult`. `beside`: it stands beside others in one answer, so its value must be proven JSON. */
  result(end: EndedTask, as: Form, beside: boolean): this {
    const { json, pickle } = inForm(end, as);
    this.text(`{"task_id":"${end.id}","status":"${end.state}","ended_at":"${timeText(end.endedAt)}"`);
    if (json !== undefined && end.state === 'COMPLETED') {
      this.text(',"value":');
      this.#head.push({ json: beside ? proven(json) : json });
    }
    if (pickle !== undefined) this.text(',"pickle":').#pickle(pickle);
    return this.text(`,"error":${JSON.stringify(describeError(end))}}`);
  }

  /** As JSON text on one line; for small ones. */
  whole(): string {
    return this.#head
      .map((piece) => {
        if (typeof piece === 'string') return piece;
        return 'json' in piece
          ? piece.json.toString('utf8').replaceAll(/[\r\n]/g, ' ')
          : piece.pickle.toString('base64');
      })
      .join('');
  }

  send(reply: FastifyReply): FastifyReply {
    const parts = new AnswerParts();
    if (!this.#framed) {
      for (const piece of this.#head) {
        if (typeof piece === 'string') parts.text(piece);
        else if ('json' in piece) parts.raw(piece.json);
        else parts.base64(piece.pickle);
      }
      return parts.send(reply.header('content-type', 'application/json; charset=utf-8'));
    }
    const head = this.#head.map((piece) => {
      if (typeof piece === 'string') return Buffer.from(piece, 'utf8');
      return 'json' in piece ? piece.json : Buffer.alloc(0);
    });
    parts.raw(lengthPrefix(head.reduce((sum, { length }) => sum + length, 0)));
    for (const piece of head) parts.raw(piece);
    for (const frame of this.#frames) parts.raw(lengthPrefix(frame.length)).raw(frame);
    return parts.send(reply.header('content-type', FRAMES));
  }

  #pickle(bytes: Buffer): this {
    if (!this.#framed) {
      this.text('"');
      this.#head.push({ pickle: bytes });
      return this.text('"');
    }
    return this.text(`{"frame":${this.#frames.push(bytes) - 1}}`);
  }
}

/** One `TaskResult` as JSON on one line: what rides along in a stream of events. */
export function resultText(end: EndedTask): string {
  return new ResultWriter(false).result(end, undefined, true).whole();
}

/** A value comes from a runner: what is not JSON would let one task write the end of another in the same answer. */
function proven(json: Buffer): Buffer {
  try {
    JSON.parse(json.toString('utf8'));
    return json;
  } catch {
    return Buffer.from('null');
  }
}
