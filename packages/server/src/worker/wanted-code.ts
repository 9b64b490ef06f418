// Code that was asked for and has not come: from which dispatcher it is awaited, and since when nothing of it came.
// A question dies with its connection, and ZeroMQ drops what it cannot route in silence: without this, calls of the
// function would wait for ever, named in every heartbeat.

interface Wanted {
  url: string;
  /** Monotonic ms of the question or of the last part that came. */
  since: number;
}

export class WantedCode {
  readonly #byDigest = new Map<string, Wanted>();

  asked(digest: string, url: string, now: number): void {
    this.#byDigest.set(digest, { url, since: now });
  }

  /** A part of it came. */
  moved(digest: string, now: number): void {
    const wanted = this.#byDigest.get(digest);
    if (wanted !== undefined) wanted.since = now;
  }

  /** It came, or it was said that it cannot be had. */
  answered(digest: string): void {
    this.#byDigest.delete(digest);
  }

  /** What is awaited from `url` and did not move since `before`: taken out, to be asked for anew. */
  takeUnanswered(url: string, before = Number.POSITIVE_INFINITY): string[] {
    const digests: string[] = [];
    for (const [digest, wanted] of this.#byDigest) {
      if (wanted.url === url && wanted.since <= before) digests.push(digest);
    }
    for (const digest of digests) this.#byDigest.delete(digest);
    return digests;
  }
}
