// The worker program: worker.ts ties it together; session and the lines speak to dispatchers, attempts and
// kept-results remember, grants shares the room.
export { startWorker } from './worker.ts';
export type { Worker, WorkerOptions, WorkerParts } from './options.ts';
export { KeptResults } from './kept-results.ts';
export { shareRoom } from './grants.ts';
