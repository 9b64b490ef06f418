// What a fault is given, what it is, and what it leaves in the books.
import type { Ledger } from './ledger.ts';
import type { Part, Role } from './part.ts';
import type { Dice } from './random.ts';
import type { Reports } from './reports.ts';
import type { Stage } from './stage.ts';

/** From the death of something to the moment when its work went on elsewhere. */
export interface Recovery {
  /** What died. */
  kind: 'runner' | 'template' | 'worker' | 'dispatcher' | 'up' | 'Redis restart' | 'Sentinel failover';
  from: number;
  ms: number;
  /** Work was affected by it that had not gone on when the wait for it ended. */
  given_up: boolean;
  /** The label of the task that went on last. */
  last?: number;
}

export interface Scene {
  stage: Stage;
  ledger: Ledger;
  reports: Reports;
  recoveries: Recovery[];
  /** How long a fault may last at most, ms: a short run has no room for long ones. */
  longestMs: number;
  /** Parts that a fault has in its hands: another one leaves them alone. */
  taken: Set<string>;
}

export interface Fault {
  /** Names the row of the fault catalogue first: `F1 kill worker`. */
  name: string;
  /** How many cards of it are in the deck. */
  weight: number;
  /** How often it waits until nothing of other faults is left that could make its recovery longer; never unless said. */
  quiet?: number;
  /** Why it cannot be had here, if so. */
  missing?(stage: Stage): string | undefined;
  /** Is it one for this variant at all? */
  applies(stage: Stage): boolean;
  /** Injects it, lets it last, takes it away; resolves when the system should be whole again. */
  run(scene: Scene, dice: Dice): Promise<void>;
}

/** Gives `act` a part of this role that no other fault has in its hands; does nothing where there is none. */
export async function withPart(
  scene: Scene,
  role: Role,
  dice: Dice,
  act: (part: Part) => Promise<void>,
): Promise<void> {
  const part = dice.shuffled(scene.stage.of(role)).find(({ name }) => !scene.taken.has(name));
  if (part === undefined) return;
  scene.taken.add(part.name);
  try {
    await act(part);
  } finally {
    scene.taken.delete(part.name);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
