// The first steps: a function of this file runs elsewhere, and keeps its type.
//   node hello.ts [URL]          (with `npx mpcsfaas up` in another terminal)
import { Faas, RemoteError } from '@mpcsfaas/client';

const faas = new Faas({ url: process.argv[2] ?? 'http://127.0.0.1:8000' });

const greet = await faas.register('greet', (name: string) => `Hello, ${name}, from process ${process.pid}.`);
console.log(await greet('Ada'), `(This one is ${process.pid}.)`);

// Many at once, in order.
const isPrime = await faas.register('is-prime', (n: number) => {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return n > 1;
});
const numbers = Array.from({ length: 100 }, (_, n) => n);
const verdicts = await isPrime.map(numbers).toArray();
console.log('primes below 100:', numbers.filter((n) => verdicts[n]).join(' '));

// Options stand apart from arguments; what the function throws arrives as a RemoteError.
const picky = await faas.register('picky', (n: number) => {
  if (n < 0) throw new RangeError('nothing below zero');
  return Math.sqrt(n);
});
try {
  await picky.with({ timeoutMs: 5000, tags: ['hello'] })(-1);
} catch (error) {
  if (!(error instanceof RemoteError)) throw error;
  console.log(`it said: ${error.typeName}: ${error.message}`);
}
