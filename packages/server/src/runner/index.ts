// The runner room's face: running calls in child processes.
//
// call.ts       the interface to everybody else
// pool.ts       waiting line and slots; roster.ts which runner takes a call, and keeping them warm
// runner.ts     one child with the calls in its pipe; frames.ts its bytes; gates.ts taking calls back
// launch.ts     how a child is started, as data; spawn.ts starts it; template.ts the process that forks Python runners
// depth.ts, prefetch.ts   how much work to hold, as pure policies
// ends.ts       deaths, kills and answers as outcomes; logs.ts what is kept of the output
// interpreter.ts, provision.ts, inspect.ts   which Python, and dill for it
// marks.ts      finding what outlived its owner
export { openRunnerPool } from './open.ts';
export type { PoolOptions } from './open.ts';
export { inspectRuntimes } from './inspect.ts';
export type { InspectOptions, RuntimeReport } from './inspect.ts';
export type { PythonPackage } from './interpreter.ts';
export type { Call, PoolListener, PoolRoom, RunnerPool } from './call.ts';
