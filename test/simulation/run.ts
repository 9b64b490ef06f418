// Runs one schedule from its beginning until everything has ended, or should have.
import { endOf, planFault } from './faults.ts';
import type { Schedule } from './plan.ts';
import { System } from './system.ts';
import type { Variant } from './variant.ts';

export interface Report {
  /** What broke first, '' where nothing did. */
  violation: string;
  steps: number;
  /** Simulated time, ms. */
  lastedMs: number;
  tasks: number;
  /** Times that user code began. */
  starts: number;
  /** Tasks that nothing in their own plan kept from completing, and how many of them did. */
  completable: number;
  completed: number;
}

/** After the last fault everything ends within this time, ms. */
const PATIENCE_MS = 45_000;

/** `journal` is filled with what happened, where it is given. */
export async function run(schedule: Schedule, variant: Variant, journal?: string[]): Promise<Report> {
  const system = new System(schedule, variant);
  system.ledger.journal = journal;
  const { kernel, ledger, network, weather } = system;
  const crashed = (fault: unknown): void =>
    ledger.break(`a part broke: ${fault instanceof Error ? fault.stack : String(fault)}`);
  process.on('unhandledRejection', crashed);
  try {
    // From a promise on, not from a callback: what one does comes before the next only there (kernel.ts).
    await Promise.resolve();
    system.start();
    for (const fault of schedule.faults) planFault(system, fault);
    const lastWork = Math.max(...schedule.tasks.map(({ at, cancelAfter }) => at + Math.max(0, cancelAfter)));
    const calmAt = Math.max(lastWork, 5_000, ...schedule.faults.map(endOf));
    // No message is lost for ever; but there is an end to it.
    kernel.after(calmAt, undefined, () => {
      ledger.trouble(2_000);
      Object.assign(network.weather, { lost: 0, late: 0, twice: 0 });
      weather.unanswered = 0;
    });
    const isDone = (): boolean => {
      if (ledger.violation !== '' || kernel.now > calmAt + PATIENCE_MS) return true;
      return ledger.open === 0 && kernel.now > lastWork + 1_000 && ledger.isAllAcknowledged(schedule.tasks.length);
    };
    await kernel.run(isDone);
  } catch (fault) {
    crashed(fault);
  } finally {
    process.off('unhandledRejection', crashed);
  }
  ledger.close();
  const { violation } = ledger;
  return { violation, steps: kernel.steps, lastedMs: kernel.now, tasks: schedule.tasks.length, ...ledger.totals() };
}
