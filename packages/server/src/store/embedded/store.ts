// The embedded store: SQLite in a data directory that belongs to this process alone. Each verb is one file beside this one.
//   database  private-file  turn (the transaction of a turn)  reserve  acceptance  counters  running  fresh  arrivals  late-ends
//   payloads  payload-files  schema  row  task-row (the moves)
//   submit  claim  hold (renew, release)  settle  cancel  sweep  depths
//   records  listing  logs  events  |  functions  code  doomed-code  |  fleet
import { EventEmitter } from 'node:events';
import type { Clock } from '../../clock.ts';
import { LeaseRest } from '../lease-rest.ts';
import type { Hint, Store, Submission, SweepReport } from '../store.ts';
import { LEASE_MS } from '../timing.ts';
import { Acceptance } from './acceptance.ts';
import { cancel } from './cancel.ts';
import { claim } from './claim.ts';
import { codeBytes, reapAllCode } from './code.ts';
import { Counters } from './counters.ts';
import { Database } from './database.ts';
import { laneDepths, queueStats } from './depths.ts';
import { eventsAfter } from './events.ts';
import { deleteKey, fact, fleet, listKeys, putKey, report, retract } from './fleet.ts';
import { deleteFunction, findFunction, listFunctions, registerFunction } from './functions.ts';
import { release, renew } from './hold.ts';
import { LateEnds } from './late-ends.ts';
import { listTasks } from './listing.ts';
import { appendLogs, taskLogs } from './logs.ts';
import { PayloadFiles } from './payload-files.ts';
import { filesInUse } from './payloads.ts';
import { pinTask, taskArgs, taskProgress, taskRecords, taskStates } from './records.ts';
import { Reserve } from './reserve.ts';
import { Running } from './running.ts';
import { settle } from './settle.ts';
import { cameBefore, submit } from './submit.ts';
import { abandon, adoptRunning, sweep } from './sweep.ts';
import { Turns, type Act } from './turn.ts';

export interface EmbeddedOptions {
  /** Made where it does not exist. One process at a time: a second opener is refused. */
  dataDir: string;
  /** 'normal' survives the death of the process, 'full' that of the machine. */
  sync: 'normal' | 'full';
  clock: Clock;
  /** How long a claim or renewal holds; 4000. */
  leaseMs?: number;
}

/** Opens the store. Rejects with one sentence where the directory is in use or was written by a newer version. */
export async function openEmbeddedStore(options: EmbeddedOptions): Promise<Store> {
  const db = new Database(options.dataDir, options.sync);
  try {
    return await openOn(db, options);
  } catch (fault) {
    db.close();
    throw fault;
  }
}

async function openOn(db: Database, options: EmbeddedOptions): Promise<Store> {
  const { clock, leaseMs = LEASE_MS } = options;
  const mono = (): number => clock.mono();
  const files = new PayloadFiles(options.dataDir, options.sync, mono);
  files.reap(filesInUse(db));
  const counters = new Counters(db);
  const running = new Running(leaseMs);
  const late = new LateEnds();
  const hints = new EventEmitter<{ hint: [Hint] }>().setMaxListeners(0);
  const reserve = new Reserve(options.dataDir, clock);
  const turns = new Turns(db, reserve, counters, running, late, files, clock, (hint) => hints.emit('hint', hint));
  const acceptance = new Acceptance(turns);
  // Sweeps come every half second. One that comes much later finds leases that ran out while this process stood still, and
  // nobody in it could renew: the owners do first.
  const rest = new LeaseRest(leaseMs);
  rest.swept(mono());
  const sweepOnce = (act: Act, tenant: string): SweepReport => {
    const now = mono();
    const letBe = rest.why(now, now, now);
    act.committed(() => {
      rest.swept(now);
      files.trim();
    });
    return sweep(act, tenant, { monoMs: now, graceMs: leaseMs, letBe });
  };
  await turns.act((act) => {
    adoptRunning(act, mono());
    reapAllCode(act);
  });
  const version = `sqlite ${String(db.get('SELECT sqlite_version() AS version')?.['version'])}`;

  return {
    kind: 'embedded',
    shards: 1,
    isReady: () => true,
    now: async () => Math.trunc(clock.wall()),
    health: async () => {
      try {
        // After a fault only a write tells whether it is over.
        if (turns.fault === undefined) await turns.read((open) => open.get('SELECT 1'));
        else await turns.act((act) => fact(act, 'probe', ''));
        return { ok: true, detail: '', version, warnings: [], troubles: [] };
      } catch (fault) {
        return {
          ok: false,
          detail: fault instanceof Error ? fault.message : String(fault),
          version,
          warnings: [],
          troubles: [],
        };
      }
    },
    refusal: () => acceptance.refusal(),
    close: async () => {
      await turns.close();
      hints.removeAllListeners();
      db.close();
    },

    submit: (tenant, _shard, tasks, limits) =>
      acceptance.note(
        turns.act((act) => submit(act, tenant, tasks, limits), {
          lanes: lanesOf(tasks, clock.wall()),
          grows: true,
          minds: true,
        }),
      ),
    cameBefore: (tenant, _shard, keys) => turns.read((open) => cameBefore(open, tenant, keys)),
    claim: (tenant, claimer, lanes, max) =>
      turns.act((act) => claim(act, tenant, claimer, lanes, max, mono()), { minds: true }),
    renew: (tenant, renewals) => turns.act((act) => renew(act, tenant, renewals, mono())),
    release: (tenant, releases) => turns.act((act) => release(act, tenant, releases)),
    settle: (tenant, settlements) => turns.act((act) => settle(act, tenant, settlements)),
    cancel: (tenant, ids) => turns.act((act) => cancel(act, tenant, ids)),
    abandon: (tenant, claimer) => turns.act((act) => abandon(act, tenant, claimer)),
    sweep: (tenant) => turns.act((act) => sweepOnce(act, tenant)),
    lanes: (tenant) => turns.read((open) => laneDepths(open, counters, tenant)),
    stats: (tenant) => turns.read((open) => queueStats(open, counters, tenant)),
    subscribe: async (onHint) => {
      hints.on('hint', onHint);
      return async () => void hints.off('hint', onHint);
    },

    tasks: (tenant, ids) => turns.read((open) => taskRecords(open, tenant, ids)),
    states: (tenant, ids) => turns.read((open) => taskStates(open, tenant, ids)),
    progress: (tenant, ids) => turns.read((open) => taskProgress(open, late, files, tenant, ids)),
    args: (tenant, id) => turns.read((open) => taskArgs(open, files, tenant, id)),
    list: (tenant, filter, limit, cursor) => turns.read((open) => listTasks(open, tenant, filter, limit, cursor)),
    pin: (tenant, id, pinned) => turns.act((act) => pinTask(act, tenant, id, pinned)),
    appendLogs: (tenant, entries, limits) => turns.act((act) => appendLogs(act, tenant, entries, limits)),
    logs: (tenant, id) => turns.read((open) => taskLogs(open, tenant, id)),
    // To read it is as near.
    announced: () => undefined,
    events: (tenant, after, limit) => turns.read((open) => eventsAfter(open, counters, tenant, after, limit)),

    register: (tenant, fn) => acceptance.note(turns.act((act) => registerFunction(act, tenant, fn), { grows: true })),
    findFunction: (tenant, ref) => turns.read((open) => findFunction(open, tenant, ref)),
    listFunctions: (tenant, limit, cursor) => turns.read((open) => listFunctions(open, tenant, limit, cursor)),
    deleteFunction: (tenant, ref) => turns.act((act) => deleteFunction(act, tenant, ref)),
    code: (tenant, digests) => turns.read((open) => codeBytes(open, tenant, digests)),

    report: (snapshot, ttlMs) => turns.act((act) => report(act, snapshot, ttlMs)),
    retract: (id) => turns.act((act) => retract(act, id)),
    fleet: () => turns.read((open) => fleet(open, clock.wall())),
    putKey: (key) => turns.act((act) => putKey(act, key)),
    listKeys: () => turns.read(listKeys),
    deleteKey: (id) => turns.act((act) => deleteKey(act, id)),
    fact: (name, value) => turns.act((act) => fact(act, name, value)),
  };
}

/** Where these wait, if they are accepted and due by `now` (Unix ms). */
function lanesOf(tasks: readonly Submission[], now: number): string[] {
  return [...new Set(tasks.filter(({ spec }) => spec.not_before <= now).map(({ lane }) => lane))];
}
