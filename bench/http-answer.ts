// One HTTP answer as its bytes come: a head, and a body whose length the head tells, or that comes in chunks.
export interface Answer {
  status: number;
  bytes: Buffer;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const NO_BYTES = Buffer.alloc(0);

/** What comes after the head. */
type Body = { is: 'whole'; missing: number } | { is: 'chunked'; rest: Buffer };

export class OneAnswer {
  #parts: Buffer[] = [];
  #body: Body | undefined;
  #status = 0;

  /** The answer, once the last of it has come. @throws Error for an answer whose head does not tell where it ends */
  take(bytes: Buffer): Answer | undefined {
    let more = bytes;
    if (this.#body === undefined) {
      const all = this.#parts.length === 0 ? bytes : Buffer.concat([...this.#parts, bytes]);
      const end = all.indexOf(HEAD_END);
      if (end < 0) {
        this.#parts = [all];
        return undefined;
      }
      this.#body = this.#readHead(all.toString('latin1', 0, end));
      this.#parts = [];
      more = all.subarray(end + HEAD_END.length);
    }
    const isWhole = this.#body.is === 'whole' ? this.#gather(this.#body, more) : this.#gatherChunks(this.#body, more);
    if (!isWhole) return undefined;
    const [only = NO_BYTES, ...others] = this.#parts;
    return { status: this.#status, bytes: others.length === 0 ? only : Buffer.concat(this.#parts) };
  }

  #readHead(head: string): Body {
    this.#status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length !== undefined || this.#status === 204) return { is: 'whole', missing: Number(length ?? 0) };
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) return { is: 'chunked', rest: NO_BYTES };
    throw new Error(`An answer that does not tell where it ends: ${head}`);
  }

  #gather(body: Body & { is: 'whole' }, bytes: Buffer): boolean {
    if (bytes.length > 0) this.#parts.push(bytes);
    body.missing -= bytes.length;
    return body.missing <= 0;
  }

  /** Each chunk is its length in hex, a line end, its bytes and a line end; the last one is empty (RFC 9112, 7.1). */
  #gatherChunks(body: Body & { is: 'chunked' }, bytes: Buffer): boolean {
    let rest = body.rest.length === 0 ? bytes : Buffer.concat([body.rest, bytes]);
    for (;;) {
      const from = rest.indexOf(LINE_END) + LINE_END.length;
      const to = from + Number.parseInt(rest.toString('latin1', 0, from), 16);
      if (from < LINE_END.length || rest.length < to + LINE_END.length) break;
      if (to === from) return true;
      this.#parts.push(rest.subarray(from, to));
      rest = rest.subarray(to + LINE_END.length);
    }
    body.rest = rest;
    return false;
  }
}
