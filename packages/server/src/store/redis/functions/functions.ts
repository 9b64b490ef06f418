// Functions: immutable versions under names, all in the first shard.
import { newId } from '../../../lifecycle/ids.ts';
import { isSameFunction, parseRef, recordOf } from '../../function-ref.ts';
import type { FunctionRecord, NewFunction } from '../../functions.ts';
import { StoreUnavailable } from '../../store.ts';
import { serverTime } from '../queue/sweep.ts';
import { RIDES_IN_SCRIPT } from '../shards.ts';
import type { Argument, Shards } from '../shards.ts';

/** How often two registrations of one name may cross. */
const TRIES = 20;

export async function registerFunction(
  shards: Shards,
  tenant: string,
  fn: NewFunction,
): Promise<{ fn: FunctionRecord; created: boolean }> {
  const id = newId(await serverTime(shards, 0), 0);
  const { version: _version, createdAt: _createdAt, ...described } = recordOf(fn, id, 0, 0);
  const record = JSON.stringify(described);
  for (let i = 0; i < TRIES; i += 1) {
    const newest = fn.classic ? undefined : await newestOf(shards, tenant, fn.name);
    // Ours already, where the answer to the last try was lost.
    if (newest !== undefined && (newest.id === id || isSameFunction(newest, fn))) {
      // Nothing is changed, but what is answered must be on the replicas all the same; another server may not have it.
      const isThere = !(await shards.confirm(0)) || (await newestOf(shards, tenant, fn.name))?.id === newest.id;
      if (isThere) return { fn: newest, created: newest.id === id };
      continue;
    }
    const rides = fn.code.length <= RIDES_IN_SCRIPT && fn.code.length > 0;
    if (!rides) await shards.leave(0, tenant, id, fn.code, false);
    const names = [id, fn.name, fn.classic ? '1' : '0', newest?.id ?? '', fn.digest];
    const reply = await shards.act('register', 0, tenant, [...names, record, rides ? fn.code : ''], true);
    if (Array.isArray(reply)) return { fn: recordOf(fn, id, Number(reply[0]), Number(reply[1])), created: true };
  }
  throw new StoreUnavailable(`Too many registrations of ${fn.name} at once; try again.`);
}

/** version SPACE created_at SPACE record */
function readFunction(text: string | null): FunctionRecord | undefined {
  if (text === null) return undefined;
  const [, version, createdAt, record = ''] = /^(\d+) (\d+) (.*)$/s.exec(text) ?? [];
  return { ...(JSON.parse(record) as FunctionRecord), version: Number(version), createdAt: Number(createdAt) };
}

async function byIds(shards: Shards, tenant: string, ids: readonly string[]): Promise<FunctionRecord[]> {
  if (ids.length === 0) return [];
  const prefix = shards.prefix(0, tenant);
  const texts = await shards.read(0, (redis) => redis.mget(ids.map((id) => `${prefix}f:${id}`)));
  return texts.map(readFunction).filter((fn) => fn !== undefined);
}

async function newestOf(shards: Shards, tenant: string, name: string): Promise<FunctionRecord | undefined> {
  const key = `${shards.prefix(0, tenant)}fv:${name}`;
  const [fn] = await byIds(shards, tenant, await shards.read(0, (redis) => redis.zrange(key, '-1', '-1')));
  return fn;
}

export async function findFunction(shards: Shards, tenant: string, text: string): Promise<FunctionRecord | undefined> {
  const ref = parseRef(text);
  switch (ref.by) {
    case 'id':
      return (await byIds(shards, tenant, [ref.id]))[0];
    case 'name':
      return newestOf(shards, tenant, ref.name);
    case 'version': {
      const key = `${shards.prefix(0, tenant)}fv:${ref.name}`;
      const ids = await shards.read(0, (redis) =>
        redis.zrange(key, String(ref.version), String(ref.version), 'BYSCORE'),
      );
      return (await byIds(shards, tenant, ids))[0];
    }
  }
}

/** The cursor is the number in the order of registration of the last one shown. */
export async function listFunctions(
  shards: Shards,
  tenant: string,
  limit: number,
  cursor: string,
): Promise<{ items: FunctionRecord[]; nextCursor: string }> {
  const key = `${shards.prefix(0, tenant)}fs`;
  const from = cursor === '' ? '+inf' : `(${Number.parseInt(cursor, 10) || 0}`;
  const page = await shards.read(0, (redis) =>
    redis.zrange(key, from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, limit, 'WITHSCORES'),
  );
  const ids = page.filter((_, i) => i % 2 === 0);
  return { items: await byIds(shards, tenant, ids), nextCursor: ids.length < limit ? '' : page.at(-1)! };
}

export async function deleteFunction(shards: Shards, tenant: string, text: string): Promise<number> {
  const ref = parseRef(text);
  const found =
    ref.by === 'name' ? await allVersions(shards, tenant, ref.name) : [await findFunction(shards, tenant, text)];
  const functions = found.filter((fn) => fn !== undefined);
  if (functions.length === 0) return 0;
  const args = functions.flatMap(({ id, name, digest }) => [id, name, digest]);
  const asked = { again: false };
  const argumentsOf = (repeats: boolean): Argument[] => {
    asked.again = repeats;
    return args;
  };
  const deleted = await shards.act('delete', 0, tenant, argumentsOf, true);
  // The first time may have left nothing to the second.
  return asked.again ? functions.length : Number(deleted);
}

async function allVersions(shards: Shards, tenant: string, name: string): Promise<FunctionRecord[]> {
  const key = `${shards.prefix(0, tenant)}fv:${name}`;
  return byIds(shards, tenant, await shards.read(0, (redis) => redis.zrange(key, '0', '-1')));
}
