// One BullMQ worker process. Its concurrency is what its parent last said.
import { connected, loadBullMq, QUEUE } from './bullmq-api.ts';

const bull = await loadBullMq();
if (bull === undefined) throw new Error('bullmq is not installed');
const worker = new bull.Worker(QUEUE, async ({ data }) => data.n, { ...connected(), concurrency: 16 });
await worker.waitUntilReady();
process.on('message', (concurrency: number) => {
  worker.concurrency = concurrency;
});
process.on('disconnect', () => void worker.close().then(() => process.exit(0)));
process.send?.('ready');
