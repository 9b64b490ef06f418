// What a worker says of a runtime it can run.
import type { Runtime } from '@mpcsfaas/contract';

export interface RuntimeSnapshot {
  runtime: Runtime;
  /** '3.11.2', '24.21.0'. */
  version: string;
  /** Why this runtime is not available at the moment; '' = it is. */
  broken: string;
  /** Why functions that came as pickles do not run here; '' or absent = they do. */
  pickles?: string;
  /** They do not run yet, and it is being worked at: such a task waits rather than fail. */
  pickles_soon?: boolean;
  /** Python: the version of dill that reads them; '' or absent where it is not known. */
  dill?: string;
}
