// Where a payload is: in its task's row, in a row of its own, or in a file that a row of payload_file names.
import type { ResultForms } from '../../lifecycle/outcome.ts';
import type { Database } from './database.ts';
import type { Filed, Part, PayloadFiles } from './payload-files.ts';
import type { Act } from './turn.ts';

/**
 * A header with its arguments, or an error with its result, is in the task's row up to so many bytes. A row is written
 * anew with each move: what is larger costs more there than the statement and the page that its own row takes.
 */
export const IN_ROW_BYTES = 512;

/** What is smaller is in a row, bytes: there it takes a few pages more. */
export const FILE_BYTES = 64 * 1024;

/** Stands in the row for what is in a file: no payload that goes there is empty. */
const IN_FILE = Buffer.alloc(0);

const FORMS = ['json', 'pickle'] as const;

/** What the row is to hold of a payload. Where no file can be written, it is the payload: the database says what is wrong. */
export function putPayload(act: Act, n: number, part: Part, bytes: Buffer): Buffer {
  if (bytes.length < FILE_BYTES) return bytes;
  const filed = act.files.write({ n, part }, bytes);
  if (filed === undefined) return bytes;
  act.db.run(
    'INSERT INTO payload_file (n, part, file, bytes, checksum) VALUES (?, ?, ?, ?, ?)',
    ...[n, part, filed.file, filed.bytes, filed.checksum],
  );
  return IN_FILE;
}

/** The arguments of a task that has `bytes` of them. Undefined where their file is gone. @throws StoreUnavailable */
export function argumentsOf(
  db: Database,
  files: PayloadFiles,
  n: number,
  inRow: Uint8Array,
  bytes: number,
): Buffer | undefined {
  return inRow.length === bytes ? asBuffer(inRow) : filed(db, files, n, 'args');
}

/** The result, by the columns of its forms. Undefined where a file is gone. @throws StoreUnavailable */
export function resultOf(
  db: Database,
  files: PayloadFiles,
  n: number,
  inRow: Record<(typeof FORMS)[number], Uint8Array | null>,
): ResultForms | undefined {
  const result: ResultForms = {};
  for (const form of FORMS) {
    const column = inRow[form];
    if (column === null) continue;
    const bytes = column.length > 0 ? asBuffer(column) : filed(db, files, n, form);
    if (bytes === undefined) return undefined;
    result[form] = bytes;
  }
  return result;
}

function filed(db: Database, files: PayloadFiles, n: number, part: Part): Buffer | undefined {
  const row = db.get<Filed>('SELECT file, bytes, checksum FROM payload_file WHERE n = ? AND part = ?', n, part);
  return row && files.read(row, { n, part });
}

/** The task goes, and so do its files. `bytes`: of its arguments and of its result. */
export function dropPayloads(act: Act, n: number, ...bytes: readonly number[]): void {
  if (bytes.every((some) => some < FILE_BYTES)) return;
  const named = act.db.all<{ file: number; bytes: number }>('SELECT file, bytes FROM payload_file WHERE n = ?', n);
  if (named.length === 0) return;
  act.db.run('DELETE FROM payload_file WHERE n = ?', n);
  act.committed(() => {
    for (const { file, bytes: size } of named) act.files.free(file, size);
  });
}

export function filesInUse(db: Database): Set<number> {
  return new Set(db.all<{ file: number }>('SELECT file FROM payload_file').map(({ file }) => file));
}

/** The same bytes, as the interface's type. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
