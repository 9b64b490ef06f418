// What faults do to a system. Each is undone when its time is over.
import type { Fault } from './plan.ts';
import { TENANT } from './client.ts';
import type { Place, System } from './system.ts';

/** Everything of a fault is over so long after it is, ms: parts come back, register, and renew. */
export function endOf(fault: Fault): number {
  const lasts = 'for' in fault ? fault.for : 0;
  const grace = 'grace' in fault ? fault.grace + 4_000 : 0;
  return fault.at + Math.max(lasts, 50) + grace;
}

/** Plans a fault: it comes at its time. */
export function planFault(system: System, fault: Fault): void {
  const { kernel } = system;
  if (fault.is === 'store goes back') return planStep(system, fault);
  kernel.after(fault.at, undefined, () => {
    system.ledger.note(() => JSON.stringify(fault));
    system.ledger.trouble(endOf(fault) - fault.at);
    befall(system, fault);
  });
}

/** What the store keeps is what it was a moment before it goes down. */
function planStep(system: System, fault: Fault & { is: 'store goes back' }): void {
  const { kernel, servers, ledger } = system;
  if (system.isEmbedded) return;
  const at = fault.who % servers.length;
  const server = servers[at]!;
  if (server.goesBack) return;
  server.goesBack = true;
  kernel.after(Math.max(0, fault.at - fault.by), undefined, () => {
    const kept = server.shard.photograph();
    kernel.after(Math.min(fault.by, fault.at), undefined, () => {
      ledger.trouble(fault.for + 50);
      ledger.note(() => JSON.stringify(fault));
      system.storeDown(server);
      kernel.after(fault.for + 50, undefined, () => {
        server.shard.restore(kept);
        const queue = server.shard.queue(TENANT);
        ledger.wentBack(
          (id) => system.shardOf(id) === at,
          (id) => queue.tasks.get(id),
        );
        system.storeUp(server);
      });
    });
  });
}

function befall(system: System, fault: Exclude<Fault, { is: 'store goes back' }>): void {
  const { kernel, ledger } = system;
  const later = (ms: number, act: () => void): void => void kernel.after(ms, undefined, act);
  switch (fault.is) {
    case 'dispatcher dies':
    case 'worker dies': {
      const at = pick(placesOf(system, fault.is), fault.who);
      if (at?.life === undefined) return;
      system.kill(at);
      return later(fault.for, () => start(system, at, fault.sameName));
    }
    case 'dispatcher stands still':
    case 'worker stands still': {
      const life = pick(placesOf(system, fault.is), fault.who)?.life;
      if (life === undefined) return;
      ledger.afflicted(life.name);
      life.pausedUntil = Math.max(life.pausedUntil, kernel.now + fault.for);
      return later(fault.for, () => ledger.recovers(life.name));
    }
    case 'dispatcher is told to end':
    case 'worker is told to end': {
      const at = pick(placesOf(system, fault.is), fault.who);
      const { life, program } = at ?? {};
      if (at === undefined || life === undefined || program === undefined) return;
      const end = (): void => {
        if (at.life !== life) return;
        system.kill(at);
        later(fault.for, () => start(system, at, false));
      };
      // What it is given meanwhile, by a claim that was on its way, it is told to give up as well.
      ledger.afflicted(life.name);
      // In its own turn, like everything that happens to a process.
      kernel.after(0, life, () => void program.stop(fault.grace).then(end));
      // A hung end is ended by whoever told it to.
      return later(fault.grace + 8_000, end);
    }
    case 'runner dies': {
      const at = pick([...system.workers, ...system.dispatchers], fault.who);
      if (at?.life?.isAlive === true) kernel.after(0, at.life, () => void at.pool?.killRunner(system.random));
      return;
    }
    case 'worker hands back': {
      const at = pick(system.workers, fault.who);
      if (at?.life?.isAlive === true) kernel.after(0, at.life, () => at.pool?.handBack());
      return;
    }
    case 'connection breaks': {
      const [worker, dispatcher] = [pick(system.workers, fault.who), pick(system.dispatchers, fault.other)];
      if (worker?.life !== undefined) system.network.breakConnections(worker.life, dispatcher!.url);
      return;
    }
    case 'link is cut': {
      const [worker, dispatcher] = [pick(system.workers, fault.who), pick(system.dispatchers, fault.other)];
      if (worker === undefined) return;
      const { way, holds } = fault;
      const until = kernel.now + fault.for;
      system.network.cuts.push({ worker: worker.name, url: dispatcher!.url, way, until, holds });
      const { name } = worker.life ?? { name: worker.name };
      ledger.afflicted(name);
      return later(fault.for, () => ledger.recovers(name));
    }
    case 'store is away': {
      if (system.isEmbedded) return;
      const server = system.servers[fault.who % system.servers.length]!;
      system.storeDown(server);
      return later(fault.for, () => system.storeUp(server));
    }
    case 'store clock jumps':
      if (!system.isEmbedded) system.storeJump += fault.by;
      return;
    case 'dispatcher loses the store': {
      const at = pick(system.dispatchers, fault.who)!;
      if (at.life === undefined) return;
      const { name } = at.life;
      ledger.afflicted(name);
      for (const link of at.links) {
        link.cutUntil = kernel.now + fault.for;
        link.lose();
      }
      return later(fault.for + 600, () => ledger.recovers(name));
    }
    case 'hints are lost':
      system.weather.deafUntil = kernel.now + fault.for;
  }
}

function placesOf(system: System, is: Fault['is']): Place[] {
  return is.startsWith('dispatcher') ? system.dispatchers : system.workers;
}

function pick<T>(among: readonly T[], n: number): T | undefined {
  return among[n % among.length];
}

function start(system: System, at: Place, sameName: boolean): void {
  if (at.life !== undefined) return;
  if (system.dispatchers.includes(at)) system.startDispatcher(at);
  else system.startWorker(at, sameName);
}
