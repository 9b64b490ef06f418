// One BullMQ worker process. Its concurrency is what its parent last said.
import { Worker } from 'bullmq';
import { connected, QUEUE } from './bullmq-queue.ts';

const worker = new Worker<{ n: number }, number>(QUEUE, ({ data }) => Promise.resolve(data.n), {
  ...connected(),
  concurrency: 16,
});
await worker.waitUntilReady();
process.on('message', (concurrency: number) => {
  worker.concurrency = concurrency;
});
process.on('disconnect', () => void worker.close().then(() => process.exit(0)));
process.send?.('ready');
