// What can go wrong, one class for each thing that a caller handles differently:
//
//   FaasError
//   ├─ ConnectionFailed      nothing answers at the url, or something that is no MPCSFaaS
//   ├─ Unavailable           the service is there and cannot work just now
//   ├─ ServiceFault          the service has a fault
//   ├─ VersionMismatch       the service is older than this client
//   ├─ Unauthorized          no key, or a wrong one
//   ├─ Forbidden             this host name, or pages of this origin, may not call
//   ├─ NotFound              no such function or task, or no longer kept
//   ├─ Conflict              the task has ended, or has not
//   ├─ BadRequest            the request cannot be taken as it is
//   ├─ TooLarge              more than a limit allows; the sentence names the option that raises it
//   ├─ QueueFull             there is no room for more tasks now
//   ├─ RateLimited           this caller is too fast
//   ├─ SerializationError    a function or an argument that cannot travel
//   │  └─ NotSelfContained   `names`: what the function uses and does not bring along
//   └─ TaskFailed            the task ended without a value: `taskId`, `kind`, `typeName`, `traceback`
//      ├─ RemoteError        the function raised
//      ├─ TaskTimeout        its time limit passed
//      ├─ TaskCanceled       it was canceled
//      ├─ TaskExpired        it had not started by `expiresAt`
//      ├─ WorkerLost         its worker or process died too often
//      ├─ MemoryExceeded     it passed its memory limit
//      ├─ LoadFailed         the function or its arguments could not be loaded there
//      └─ BadResult          what it returned does not fit into JSON, or is too large
import { CLASS_OF } from './contract.ts';
import type { NamedClass, Problem, Task, TaskError, TaskResult } from './contract.ts';

export class FaasError extends Error {
  /** What the service said, where it did. */
  readonly problem: Problem | undefined;

  /** @internal */
  constructor(message: string, problem?: Problem, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.problem = problem;
  }
}

export class ConnectionFailed extends FaasError {}
export class Unavailable extends FaasError {}
export class ServiceFault extends FaasError {}
export class VersionMismatch extends FaasError {}
export class Unauthorized extends FaasError {}
export class Forbidden extends FaasError {}
export class NotFound extends FaasError {}
export class Conflict extends FaasError {}
export class BadRequest extends FaasError {}
export class TooLarge extends FaasError {}
export class QueueFull extends FaasError {}
export class RateLimited extends FaasError {}
export class SerializationError extends FaasError {}

export class NotSelfContained extends SerializationError {
  get names(): readonly string[] {
    return this.problem?.names ?? [];
  }
}

export class TaskFailed extends FaasError {
  declare readonly taskId: string;
  declare readonly kind: TaskError['kind'];
  /** The exception's type there, such as `ValueError`. */
  declare readonly typeName: string;
  /** Where it was raised there; '' where there is none. */
  declare readonly traceback: string;
  /** What is known of the end: `exit_code`, `signal`, `limit_bytes` … */
  declare readonly details: TaskError['details'];
  /** Those that came to nothing before it failed. */
  declare readonly attempts: Task['attempts'];

  /** @internal */
  constructor(taskId: string, { type: typeName, message, ...error }: TaskError) {
    super(message);
    Object.assign(this, { attempts: [], taskId, typeName, ...error });
    if (this.traceback) this.stack = `${this.stack ?? ''}\n\nRaised in task ${taskId}:\n${this.traceback}`;
  }
}

export class RemoteError extends TaskFailed {}
export class TaskTimeout extends TaskFailed {}
export class TaskCanceled extends TaskFailed {}
export class TaskExpired extends TaskFailed {}
export class WorkerLost extends TaskFailed {}
export class MemoryExceeded extends TaskFailed {}
export class LoadFailed extends TaskFailed {}
export class BadResult extends TaskFailed {}

const OF_KIND: Partial<Record<string, typeof TaskFailed>> = {
  raised: RemoteError,
  timed_out: TaskTimeout,
  memory_exceeded: MemoryExceeded,
  load_failed: LoadFailed,
  result_not_serializable: BadResult,
  result_not_json: BadResult,
  result_too_large: BadResult,
  version_mismatch: LoadFailed,
  lost: WorkerLost,
  expired: TaskExpired,
  canceled: TaskCanceled,
} satisfies Record<TaskError['kind'], typeof TaskFailed>;

/** The value of a task that has ended. @throws TaskFailed; SerializationError where only Python could read it. @internal */
export function valueOf(result: TaskResult): unknown {
  const { task_id: id, error } = result;
  // A newer service may know more kinds.
  if (error !== null) throw new (OF_KIND[error.kind] ?? TaskFailed)(id, error);
  if ('value' in result) return result.value;
  throw new SerializationError(`The result of task ${id} is kept as a pickle alone, for Python.`);
}

/** The classes that the contract names for its codes. */
const CLASSES: Record<NamedClass, typeof FaasError> = {
  ...{ BadRequest, Unauthorized, Forbidden, NotFound, VersionMismatch, SerializationError, NotSelfContained, Conflict },
  ...{ TooLarge, QueueFull, RateLimited, Unavailable, ServiceFault },
};
// The published file has short names inside; these are told to people.
for (const [name, Class] of Object.entries({
  ...{ ...CLASSES, FaasError, ConnectionFailed, TaskFailed, RemoteError, TaskTimeout, TaskCanceled, TaskExpired },
  ...{ WorkerLost, MemoryExceeded, LoadFailed, BadResult },
}))
  Object.defineProperty(Class, 'name', { value: name });

/** A problem as the class that a caller catches. A code that is younger than this client goes by its status. @internal */
export function refusal(problem: Problem, url: string): FaasError {
  const { code, status } = problem;
  const known: Record<string | number, NamedClass | undefined> = CLASS_OF;
  const name = known[code] ?? known[status] ?? (status >= 500 ? 'ServiceFault' : 'BadRequest');
  return new CLASSES[name](sentence(problem, url), problem);
}

function sentence({ code, detail, errors = [] }: Problem, url: string): string {
  if (code === 'route_not_found') {
    const { origin, pathname } = new URL(url);
    const astray =
      pathname === '/' ? `at ${url} is older than this client: update it` : `is at ${origin}: leave out ${pathname}`;
    return `The service ${astray}. (${detail})`;
  }
  if (code === 'unauthorized') return `${detail} Give it as \`new Faas({ url, apiKey })\`.`;
  const more = errors.map(({ pointer, message }) => `${pointer} ${message}`).filter((fault) => !detail.includes(fault));
  return more.length > 0 ? `${detail} (${more.join('; ')})` : detail;
}
