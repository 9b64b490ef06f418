// Code that nothing names any more. It stays a while: a service may have found its function just before that was deleted, and
// name the code in a task in a moment. In memory only, for whatever was found in an earlier incarnation is gone with it.

export class DoomedCode {
  /** Since when, Unix ms, by `tenant/digest`. */
  readonly #since = new Map<string, number>();

  doom(tenant: string, digest: string, now: number): void {
    this.#since.set(`${tenant}/${digest}`, now);
  }

  /** The digests of a tenant that were doomed at `then` or before, Unix ms. */
  since(tenant: string, then: number): string[] {
    const before = `${tenant}/`;
    return [...this.#since]
      .filter(([key, since]) => since <= then && key.startsWith(before))
      .map(([key]) => key.slice(before.length));
  }

  forget(tenant: string, digest: string): void {
    this.#since.delete(`${tenant}/${digest}`);
  }
}
