// One HTTP answer as its bytes come, as far as our services and the bare ones send them: a head, and a body of a known length.
export interface Answer {
  status: number;
  bytes: Buffer;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const NO_BYTES = Buffer.alloc(0);

export class OneAnswer {
  #chunks: Buffer[] = [];
  /** Bytes of the body that have not come yet; undefined until the head is whole. */
  #missing: number | undefined;
  #status = 0;

  /** The answer, once the last of it has come. @throws Error for an answer whose length its head does not tell */
  take(chunk: Buffer): Answer | undefined {
    let body = chunk;
    if (this.#missing === undefined) {
      const all = this.#chunks.length === 0 ? chunk : Buffer.concat([...this.#chunks, chunk]);
      const end = all.indexOf(HEAD_END);
      if (end < 0) {
        this.#chunks = [all];
        return undefined;
      }
      this.#readHead(all.toString('latin1', 0, end));
      this.#chunks = [];
      body = all.subarray(end + HEAD_END.length);
    }
    if (body.length > 0) this.#chunks.push(body);
    this.#missing! -= body.length;
    if (this.#missing! > 0) return undefined;
    const [only = NO_BYTES, ...more] = this.#chunks;
    return { status: this.#status, bytes: more.length === 0 ? only : Buffer.concat(this.#chunks) };
  }

  #readHead(head: string): void {
    this.#status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined && this.#status !== 204) throw new Error(`An answer of no known length: ${head}`);
    this.#missing = Number(length ?? 0);
  }
}
