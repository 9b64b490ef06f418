// A request that cannot be honoured, with the reason in the contract's words. Thrown, because it leaves through every
// caller unchanged: the service turns it into a problem in one place.
import type { ErrorCode, Problem } from '@mpcsfaas/contract';

/** What a problem says beside its detail. */
export type RefusalMembers = Partial<Omit<Problem, 'type' | 'title' | 'status' | 'detail' | 'code' | 'request_id'>>;

export class Refusal extends Error {
  override name = 'Refusal';
  readonly code: ErrorCode;
  readonly members: RefusalMembers;

  /** `detail` is one text that a person understands: what is wrong and what to do. */
  constructor(code: ErrorCode, detail: string, members: RefusalMembers = {}) {
    super(detail);
    this.code = code;
    this.members = members;
  }
}

/** Of a process that was told to end. */
export function shuttingDown(): Refusal {
  return new Refusal('shutting_down', 'The service is stopping. Try again in a moment.');
}
