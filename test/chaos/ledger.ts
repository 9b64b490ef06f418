// The ledger of a run: every submission with what was acknowledged, every end as clients read it, every cancel, every
// fault. Starts of user code are in the functions' own reports. `check.ts` judges it.
import { now } from './now.ts';

/** An end as a client read it, in few bytes: what must never change, and what a check needs. */
export interface Read {
  at: number;
  status: string;
  /** Kind of the failure, '' where there is none. */
  kind: string;
  /** Of value, pickle and error. */
  digest: string;
  /** What is wrong with it, given what was asked for; '' = nothing. A loss may be excused by what went on then. */
  wrong: string;
}

export interface Cancel {
  sentAt: number;
  /** 'canceled': acknowledged; 'ended': another end had won; 'doubt': no answer that says. */
  answer: 'canceled' | 'ended' | 'doubt';
  answeredAt: number;
}

export interface Entry {
  label: number;
  call: string;
  via: 'v1' | 'classic';
  key: string | undefined;
  atMostOnce: boolean;
  /** Starts that the user's own retry policy asks for beyond the first. */
  retries: number;
  sentAt: number;
  /** Every answer that named an id: repeats under a key bring several. */
  acks: { id: string; at: number }[];
  /** Answers that leave open whether it was accepted. */
  doubts: string[];
  refusals: string[];
  reads: Read[];
  cancel: Cancel | undefined;
}

export interface FaultNote {
  fault: string;
  target: string;
  from: number;
  /** When its cause was gone; Infinity while it lasts. */
  to: number;
}

/** A fault at work. */
export interface Lasting {
  from: number;
  /** Its cause is gone. */
  over(): void;
}

export type Promised = Pick<Entry, 'call' | 'via' | 'key' | 'atMostOnce' | 'retries'>;

export class Ledger {
  readonly entries = new Map<number, Entry>();
  readonly faults: FaultNote[] = [];
  /** Violations that were seen while the run went on: a program that ended by itself, a state that went backwards. */
  readonly seen: { invariant: string; what: string; label?: number }[] = [];
  private readonly byId = new Map<string, Entry>();
  private labels = 0;

  open(promised: Promised): Entry {
    const entry: Entry = {
      ...promised,
      label: (this.labels += 1),
      sentAt: now(),
      acks: [],
      doubts: [],
      refusals: [],
      reads: [],
      cancel: undefined,
    };
    this.entries.set(entry.label, entry);
    return entry;
  }

  acknowledge(entry: Entry, id: string): void {
    entry.acks.push({ id, at: now() });
    this.byId.set(id, entry);
  }

  /** Of a task's id, as far as it was acknowledged. */
  of(id: string): Entry | undefined {
    return this.byId.get(id);
  }

  /** Notes a fault that begins now. */
  fault(fault: string, target: string): Lasting {
    const note: FaultNote = { fault, target, from: now(), to: Infinity };
    this.faults.push(note);
    return {
      from: note.from,
      over: () => {
        note.to = now();
      },
    };
  }

  violation(invariant: string, what: string, label?: number): void {
    this.seen.push({ invariant, what, ...(label === undefined ? {} : { label }) });
  }

  /** What was acknowledged and not read as ended. */
  waiting(): Entry[] {
    return [...this.entries.values()].filter(({ acks, reads }) => acks.length > 0 && reads.length === 0);
  }
}
