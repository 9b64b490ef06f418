// The tables. A task's row has what is small of its arguments and of its end: one row for a small task. What is larger, and
// logs, are in tables of their own, so that listings never drag them along. State numbers are those of state-code.ts: 0 QUEUED, 1 DELAYED, 2 BLOCKED, 3 RUNNING, above: ended.

export const SCHEMA_VERSION = 3;

/** What lies in a file: no bytes of it are in its own row. Version 2 has it, version 1 has not. */
export const PAYLOAD_FILE = `CREATE TABLE payload_file (
  n INTEGER NOT NULL, part TEXT NOT NULL, file INTEGER NOT NULL UNIQUE, bytes INTEGER NOT NULL,
  checksum INTEGER NOT NULL, PRIMARY KEY (n, part)
) STRICT, WITHOUT ROWID;`;

/** Columns that version 3 has and those before it have not; what they have is in `payload` and `ending` whatever its size. */
const IN_ROW = ['header BLOB', 'args BLOB', "error TEXT NOT NULL DEFAULT ''", 'json BLOB', 'pickle BLOB'];

/** From an earlier version to this one. */
export const MIGRATIONS: Readonly<Record<number, string>> = {
  1: PAYLOAD_FILE,
  2: `${IN_ROW.map((column) => `ALTER TABLE task ADD COLUMN ${column};`).join('\n')}
    DELETE FROM counter WHERE name IN ('state:RUNNING', 'submitted');`,
};

export const SCHEMA = `
CREATE TABLE task (
  n INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL, id TEXT NOT NULL,
  state INTEGER NOT NULL, lane TEXT NOT NULL, score INTEGER NOT NULL, priority INTEGER NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0, token TEXT NOT NULL DEFAULT '',
  claimer TEXT NOT NULL DEFAULT '', worker TEXT NOT NULL DEFAULT '',
  losses INTEGER NOT NULL DEFAULT 0, abandonments INTEGER NOT NULL DEFAULT 0, retries INTEGER NOT NULL DEFAULT 0,
  submitted_at INTEGER NOT NULL, claimed_at INTEGER NOT NULL DEFAULT 0, started_at INTEGER NOT NULL DEFAULT 0,
  ended_at INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL DEFAULT 0, expires_at INTEGER NOT NULL,
  delete_at INTEGER NOT NULL DEFAULT 0, pinned INTEGER NOT NULL DEFAULT 0, ttl INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL, once INTEGER NOT NULL,
  kind TEXT NOT NULL DEFAULT '', args_bytes INTEGER NOT NULL, result_bytes INTEGER NOT NULL DEFAULT 0,
  function_id TEXT NOT NULL, digest TEXT NOT NULL, runtime TEXT NOT NULL, result_as TEXT NOT NULL,
  grp TEXT NOT NULL, tags TEXT NOT NULL,
  ${IN_ROW.join(', ')}
) STRICT;
CREATE UNIQUE INDEX task_id ON task (tenant, id);
CREATE INDEX task_waiting ON task (tenant, lane, score) WHERE state = 0;
CREATE INDEX task_due ON task (tenant, due_at) WHERE state = 1;
CREATE INDEX task_running ON task (state) WHERE state = 3;
CREATE INDEX task_expiring ON task (tenant, expires_at) WHERE expires_at > 0 AND state < 3;
CREATE INDEX task_deletion ON task (tenant, delete_at) WHERE delete_at > 0;
CREATE INDEX task_group ON task (tenant, grp, id) WHERE grp <> '';

CREATE TABLE payload (n INTEGER PRIMARY KEY, header BLOB NOT NULL, args BLOB NOT NULL) STRICT;
CREATE TABLE ending (n INTEGER PRIMARY KEY, error TEXT NOT NULL, json BLOB, pickle BLOB) STRICT;
${PAYLOAD_FILE}
CREATE TABLE history (n INTEGER PRIMARY KEY, notes TEXT NOT NULL) STRICT;
CREATE TABLE log (n INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE request_key (
  tenant TEXT NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL, id TEXT NOT NULL, content TEXT NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_key_task ON request_key (n);

-- Ends are numbered; a row holds "count" of them, the last of which is number n.
CREATE TABLE event (
  n INTEGER PRIMARY KEY, tenant TEXT NOT NULL, at INTEGER NOT NULL, count INTEGER NOT NULL, ends TEXT NOT NULL
) STRICT;

CREATE TABLE counter (tenant TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (tenant, name))
  STRICT, WITHOUT ROWID;
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE function (
  n INTEGER PRIMARY KEY, tenant TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
  digest TEXT NOT NULL, record TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX function_id ON function (tenant, id);
CREATE INDEX function_name ON function (tenant, name, version);
CREATE TABLE function_version (tenant TEXT NOT NULL, name TEXT NOT NULL, newest INTEGER NOT NULL, PRIMARY KEY (tenant, name))
  STRICT, WITHOUT ROWID;
-- refs = functions that name these bytes + tasks that do; at 0 the bytes go.
CREATE TABLE code (
  n INTEGER PRIMARY KEY, tenant TEXT NOT NULL, digest TEXT NOT NULL, refs INTEGER NOT NULL, bytes BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX code_digest ON code (tenant, digest);

CREATE TABLE dispatcher (id TEXT PRIMARY KEY, until INTEGER NOT NULL, snapshot TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE api_key (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;
