// Bare path, embedded local: HTTP, SQLite and two children in one process. usage: embedded.ts DATA_DIR FUNCTION (dill, base64)
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { startChildren } from './children.ts';
import { front } from './front.ts';
import { gather } from './gather.ts';
import { bytesOf, placeOf } from './parcel.ts';

type Act = { is: 'submit' | 'end'; parcels: readonly Buffer[] };

const [dataDir = '', code = ''] = process.argv.slice(2);
const database = new DatabaseSync(join(dataDir, 'bare.db'));
// The product's own settings: without them the bound would be none.
database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
  PRAGMA wal_autocheckpoint = 8192; PRAGMA cache_size = -65536;
  CREATE TABLE task (place INTEGER PRIMARY KEY, argument BLOB NOT NULL);
  CREATE TABLE result (place INTEGER PRIMARY KEY, value BLOB NOT NULL);`);
const insert = {
  submit: database.prepare('REPLACE INTO task VALUES (?, ?)'),
  end: database.prepare('REPLACE INTO result VALUES (?, ?)'),
};
const begin = database.prepare('BEGIN');
const commit = database.prepare('COMMIT');

// One transaction a turn, whatever came in it; only then a child may run a call, and a caller hear of its end.
const act = gather<Act>((acts) => {
  begin.run();
  for (const { is, parcels } of acts) {
    for (const one of parcels) insert[is].run(placeOf(one), bytesOf(one));
  }
  commit.run();
  const submitted = acts.filter(({ is }) => is === 'submit').flatMap(({ parcels }) => parcels);
  if (submitted.length > 0) give(submitted);
  for (const { is, parcels } of acts) if (is === 'end') ended(parcels);
});
const give = startChildren(code, (parcels) => act([{ is: 'end', parcels }]));
const { ended, open } = front((parcels) => act([{ is: 'submit', parcels }]));
await open();
