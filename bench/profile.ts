// Where a program's own time went: sums V8 profiles by room and package.
// usage: NODE_OPTIONS="--cpu-prof --cpu-prof-dir=DIR" node bench/redis-push.ts; node bench/profile.ts DIR
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

/** Reading and compiling the program's files; no part of a task. */
const START_UP_MS = 3000;

const [dir] = process.argv.slice(2);
if (dir === undefined) throw new Error('usage: node bench/profile.ts DIR');
for (const name of readdirSync(dir).filter((one) => one.endsWith('.cpuprofile'))) {
  const profile = JSON.parse(readFileSync(join(dir, name), 'utf8')) as Profile;
  const { program, places, busyMs } = read(profile);
  if (program === '') continue;
  console.log(`${program}: ${Math.round(busyMs)} ms busy`);
  for (const [place, ms] of places) console.log(`  ${((ms * 100) / busyMs).toFixed(1).padStart(5)} %  ${place}`);
}

function read({ nodes, samples, timeDeltas }: Profile): {
  program: string;
  places: [string, number][];
  busyMs: number;
} {
  const placeOf = new Map(nodes.map(({ id, callFrame }) => [id, place(callFrame)]));
  const sums = new Map<string, number>();
  let at = 0;
  samples.forEach((id, n) => {
    const ms = (timeDeltas[n] ?? 0) / 1000;
    at += ms;
    const where = placeOf.get(id) ?? '?';
    if (at > START_UP_MS) sums.set(where, (sums.get(where) ?? 0) + ms);
  });
  sums.delete('idle');
  const places = [...sums].sort(([, a], [, b]) => b - a);
  const busyMs = places.reduce((sum, [, ms]) => sum + ms, 0);
  // Every program loads every room; the one whose own room works most is that program.
  const own = places.find(([name]) => ['service', 'dispatcher', 'worker'].includes(name));
  return { program: own?.[0] ?? '', places: places.slice(0, 12), busyMs };
}

function place({ functionName, url }: { functionName: string; url: string }): string {
  if (url === '') return /^\((.*)\)$/.exec(functionName)?.[1] ?? 'native';
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(url)?.[1];
  if (dependency !== undefined && !dependency.startsWith('@mpcsfaas/')) return dependency;
  const room = /packages\/(server\/src\/[^/]+|contract)/.exec(url)?.[1];
  return room?.replace('server/src/', '') ?? (url.startsWith('node:') ? `node (${url.split('/')[0]})` : url);
}
