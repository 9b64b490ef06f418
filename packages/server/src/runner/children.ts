// Where children come from: one source for each runtime.
import type { Runtime } from '@mpcsfaas/contract';
import type { Child } from './child.ts';

export interface ChildSource {
  readonly runtime: Runtime;
  /** '3.11.2'; '' where the runtime was not found. */
  readonly version: string;
  /** Why it can make no child at all; '' = it can. */
  readonly problem: string;
  /** A new child. Rejects with a sentence where that does not work now. */
  make(): Promise<Child>;
  /** Ends whatever is left of it. Idempotent. */
  close(): Promise<void>;
}
