// Hands out function bytes to workers that ask, each session once at a time.
import type { Link } from './link.ts';

export class CodeDesk {
  readonly #code: (digest: string) => Promise<Buffer | undefined>;
  readonly #flush: (link: Link) => void;
  /** `session digest` of what is being fetched. */
  readonly #underWay = new Set<string>();

  constructor(code: (digest: string) => Promise<Buffer | undefined>, flush: (link: Link) => void) {
    this.#code = code;
    this.#flush = flush;
  }

  /** Answers with the bytes, or with why they cannot be had: what waits for them then fails, or goes back. */
  async serve(link: Link, digest: string): Promise<void> {
    const key = `${link.member.session} ${digest}`;
    if (this.#underWay.has(key)) return;
    this.#underWay.add(key);
    try {
      const bytes = await this.#code(digest);
      if (bytes === undefined)
        link.outgoing.say({ k: 'no_code', digest, gone: true, message: "the function's bytes are gone" });
      else link.outgoing.code(digest, bytes);
    } catch {
      link.outgoing.say({ k: 'no_code', digest, gone: false, message: 'the store is away' });
    } finally {
      this.#underWay.delete(key);
    }
    this.#flush(link);
  }
}
