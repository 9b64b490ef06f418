// First door.
import { scheduleOf } from './plan.ts';
import { run } from './run.ts';
import { REAL } from './variant.ts';
const [from = 0, n = 100] = process.argv.slice(2).map(Number);
const t0 = performance.now();
let steps = 0,
  lasted = 0,
  completed = 0,
  completable = 0,
  bad = 0;
for (let seed = from; seed < from + n; seed += 1) {
  const r = await run(scheduleOf(seed), REAL);
  steps += r.steps;
  lasted += r.lasted;
  completed += r.completed;
  completable += r.completable;
  if (r.violation) {
    bad += 1;
    console.log(seed, r.violation.split('\n').slice(0, 4).join(' | '));
  }
}
const ms = performance.now() - t0;
console.log({
  n,
  bad,
  steps,
  lasted: lasted / n,
  completed,
  completable,
  perSecond: (n / ms) * 1000,
  stepsPerRun: steps / n,
});
