// Every route by its operationId. The server maps each to one handler; a missing one does not compile.
import * as classic from './routes/classic.ts';
import * as events from './routes/events.ts';
import * as fleet from './routes/fleet.ts';
import * as functions from './routes/functions.ts';
import * as health from './routes/health.ts';
import * as keys from './routes/keys.ts';
import * as results from './routes/results.ts';
import * as tasks from './routes/tasks.ts';
import type { RouteContract } from './route.ts';

export const ROUTES = {
  frontPage: classic.frontPage,
  registerClassic: classic.registerClassic,
  executeClassic: classic.executeClassic,
  classicStatus: classic.classicStatus,
  classicResult: classic.classicResult,
  classicResultV1: classic.classicResultV1,
  registerFunction: functions.registerFunction,
  listFunctions: functions.listFunctions,
  getFunction: functions.getFunction,
  deleteFunction: functions.deleteFunction,
  submitTask: tasks.submitTask,
  submitBatch: tasks.submitBatch,
  listTasks: tasks.listTasks,
  getTask: tasks.getTask,
  getResult: tasks.getResult,
  getLogs: tasks.getLogs,
  cancelTask: tasks.cancelTask,
  cancelTasks: tasks.cancelTasks,
  retryTask: tasks.retryTask,
  pinTask: tasks.pinTask,
  readResults: results.readResults,
  callFunction: results.callFunction,
  streamEvents: events.streamEvents,
  createKey: keys.createKey,
  listKeys: keys.listKeys,
  revokeKey: keys.revokeKey,
  listWorkers: fleet.listWorkers,
  getStats: fleet.getStats,
  getVersion: fleet.getVersion,
  healthz: health.healthz,
  readyz: health.readyz,
  metrics: health.metrics,
} as const satisfies Record<string, RouteContract>;

export type OperationId = keyof typeof ROUTES;
