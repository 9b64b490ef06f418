// Functions at rest: immutable versions under names, and code by digest.
import type { CodeForm, Runtime } from '@mpcsfaas/contract';
import type { TaskSpec } from '../lifecycle/spec.ts';

/** What a function's owner fixed for all of its tasks; a task may say otherwise. */
export type TaskDefaults = Partial<
  Pick<
    TaskSpec,
    | 'priority'
    | 'timeout_ms'
    | 'memory_bytes'
    | 'max_attempts'
    | 'retry'
    | 'at_most_once'
    | 'result_ttl_ms'
    | 'tags'
    | 'isolation'
    | 'labels'
    | 'result_as'
  >
>;

export interface FunctionRecord {
  id: string;
  name: string;
  /** 1, 2, … under its name; 0 for a classic registration, whose name is only a label. */
  version: number;
  classic: boolean;
  runtime: Runtime;
  form: CodeForm;
  /** Function's name in its source; '' = the only one or the default export. */
  entry: string;
  python: string;
  digest: string;
  codeBytes: number;
  defaults: TaskDefaults;
  description: string;
  /** What pickled it, and its source text for people; '' (in records of before: absent) where unknown. */
  pickler?: string;
  sourceText?: string;
  createdAt: number;
}

export interface NewFunction extends Omit<FunctionRecord, 'id' | 'version' | 'createdAt' | 'codeBytes'> {
  code: Buffer;
}

export interface FunctionStore {
  /** Classic: always a new id. Else: the same name, code, entry and defaults as the newest version → that one, created false. */
  register(tenant: string, fn: NewFunction): Promise<{ fn: FunctionRecord; created: boolean }>;
  /** `ref` = id, name (newest) or name@version. A deleted one is found by id only while `withDeleted`. */
  findFunction(tenant: string, ref: string): Promise<FunctionRecord | undefined>;
  /** Newest first. Classic ones are listed too. */
  listFunctions(
    tenant: string,
    limit: number,
    cursor: string,
  ): Promise<{ items: FunctionRecord[]; nextCursor: string }>;
  /** Hides the version (id or name@v) or all versions of a name; answers how many. Bytes go when the last task is gone. */
  deleteFunction(tenant: string, ref: string): Promise<number>;
  /** Code bytes by digest. */
  code(tenant: string, digests: readonly string[]): Promise<(Buffer | undefined)[]>;
}
