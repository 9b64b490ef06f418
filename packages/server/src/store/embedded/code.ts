// The bytes of functions, kept while a function or a task names them.
import type { Database } from './database.ts';
import { asBuffer } from './payloads.ts';
import type { Act } from './turn.ts';

/** One more function names these bytes; tasks of a deleted function may have kept them. */
export function keepCode(act: Act, tenant: string, digest: string, bytes: Buffer): void {
  act.db.run(
    `INSERT INTO code (tenant, digest, refs, bytes) VALUES (?, ?, 1, ?)
      ON CONFLICT (tenant, digest) DO UPDATE SET refs = refs + 1`,
    tenant,
    digest,
    bytes,
  );
}

/** `count` functions or tasks that named these bytes are gone. The bytes go with the last of them, after a while. */
export function dropReferences(act: Act, tenant: string, digest: string, count: number): void {
  const left = act.db.get<{ refs: number }>(
    'UPDATE code SET refs = refs - ? WHERE tenant = ? AND digest = ? RETURNING refs',
    count,
    tenant,
    digest,
  );
  if (left !== undefined && left.refs <= 0) act.committed(() => act.doomed.doom(tenant, digest, act.now));
}

/** Deletes the bytes that nothing has named for `graceMs`. */
export function reapCode(act: Act, tenant: string, graceMs: number): void {
  for (const digest of act.doomed.since(tenant, act.now - graceMs)) {
    act.db.run('DELETE FROM code WHERE tenant = ? AND digest = ? AND refs <= 0', tenant, digest);
    act.committed(() => act.doomed.forget(tenant, digest));
  }
}

/** The same when the store is opened: nobody is about to name any. */
export function reapAllCode(act: Act): void {
  act.db.run('DELETE FROM code WHERE refs <= 0');
}

export function codeBytes(db: Database, tenant: string, digests: readonly string[]): (Buffer | undefined)[] {
  return digests.map((digest) => {
    const row = db.get<{ bytes: Uint8Array }>('SELECT bytes FROM code WHERE tenant = ? AND digest = ?', tenant, digest);
    return row === undefined ? undefined : asBuffer(row.bytes);
  });
}
