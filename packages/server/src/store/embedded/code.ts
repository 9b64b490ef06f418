// The bytes of functions, kept while a function or a task names them.
import type { Database } from './database.ts';
import { asBuffer } from './claim.ts';
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

/** `count` functions or tasks that named these bytes are gone. */
export function dropReferences(act: Act, tenant: string, digest: string, count: number): void {
  act.db.run('UPDATE code SET refs = refs - ? WHERE tenant = ? AND digest = ?', count, tenant, digest);
  act.db.run('DELETE FROM code WHERE tenant = ? AND digest = ? AND refs <= 0', tenant, digest);
}

export function codeBytes(db: Database, tenant: string, digests: readonly string[]): (Buffer | undefined)[] {
  return digests.map((digest) => {
    const row = db.get<{ bytes: Uint8Array }>('SELECT bytes FROM code WHERE tenant = ? AND digest = ?', tenant, digest);
    return row === undefined ? undefined : asBuffer(row.bytes);
  });
}
