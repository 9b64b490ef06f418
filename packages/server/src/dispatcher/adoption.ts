// Taking over what a worker holds and this dispatcher does not know: from each shard by itself, for one that is away keeps
// nobody from adopting what is in the others.
import { StoreUnavailable, type Store } from '../store/index.ts';
import { byShard } from './by-shard.ts';
import type { Adoption, FoundAttempt } from './executor.ts';

/** Answers in the order of what was found. */
export async function adopt(
  store: Store,
  tenant: string,
  found: readonly FoundAttempt[],
  log: (level: 'info', message: string) => void,
): Promise<Adoption[]> {
  const adopted = new Map<FoundAttempt, Adoption>();
  const fromShards = [...byShard(store, found).values()].map(async (some) => {
    const answers = await adoptFromShard(store, tenant, some).catch((fault: unknown) => {
      if (!(fault instanceof StoreUnavailable)) throw fault;
      return some.map((): Adoption => 'unsure');
    });
    some.forEach((one, at) => adopted.set(one, answers[at]));
  });
  await Promise.all(fromShards);
  const answers = found.map((one) => adopted.get(one));
  const ours = answers.filter((one) => one !== undefined && one !== 'unsure').length;
  if (ours > 0) log('info', `${ours} attempts of a worker's were adopted.`);
  return answers;
}

/** Renewing is the question whether a token is still current; the record tells what is needed to settle it. */
async function adoptFromShard(store: Store, tenant: string, found: readonly FoundAttempt[]): Promise<Adoption[]> {
  const current = await store.renew(tenant, found);
  const ours = found.filter((_, at) => current[at]);
  if (ours.length === 0) return found.map(() => undefined);
  const records = await store.tasks(
    tenant,
    ours.map(({ fence }) => fence.id),
  );
  const byId = new Map(records.filter((record) => record !== undefined).map((record) => [record.spec.id, record]));
  return found.map(({ fence }, at) => {
    const record = current[at] ? byId.get(fence.id) : undefined;
    return record && { spec: record.spec, retries: record.retries };
  });
}
