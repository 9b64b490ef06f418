// The load of a soak: batches of tasks of all kinds in closed loops; the end of each is checked.
import { endsOf, get, post, registerSource, type Ended } from '../harness/http.ts';

/** Each kind with what it must come to. */
interface Kind {
  function: string;
  args: (n: number) => unknown[];
  options?: object;
  isRight: (end: Ended, n: number) => boolean;
}

const PYTHON = {
  plus: 'def plus(n):\n    return n + 1\n',
  prints: 'import sys\ndef prints(n):\n    print("out", n)\n    print("err", n, file=sys.stderr)\n    return n\n',
  fails: 'def fails(n):\n    raise ValueError(n)\n',
  larger: 'def larger(text):\n    return text * 3\n',
  keeps: 'kept = []\ndef keeps(n):\n    kept.append(bytearray(100000))\n    del kept[:-10]\n    return n\n',
};

const KINDS: Kind[] = [
  { function: 'plus', args: (n) => [n], isRight: ({ value }, n) => value === n + 1 },
  {
    function: 'plus',
    args: (n) => [n],
    options: { group: 'g', tags: ['t'], priority: 5 },
    isRight: ({ value }, n) => value === n + 1,
  },
  { function: 'js', args: (n) => [n], isRight: ({ value }, n) => value === n * 2 },
  { function: 'prints', args: (n) => [n], isRight: ({ value }, n) => value === n },
  {
    function: 'fails',
    args: (n) => [n],
    isRight: ({ error }, n) => error?.kind === 'raised' && error.message === String(n),
  },
  {
    function: 'larger',
    args: (n) => ['ab'.repeat(n % 5000)],
    isRight: ({ value }, n) => value === 'ab'.repeat(n % 5000).repeat(3),
  },
  { function: 'keeps', args: (n) => [n], isRight: ({ value }, n) => value === n },
  { function: 'plus', args: (n) => [n], options: { result_as: 'both' }, isRight: ({ value }, n) => value === n + 1 },
];
/** Once in a batch: they cost a process. */
const DEAR: Kind = {
  function: 'exits',
  args: () => [],
  options: { max_attempts: 1 },
  isRight: ({ error }) => error?.kind === 'lost',
};

const BATCH = 400;
const LOOPS = 3;
/** Looks at the programs between two rests. */
const LOOKS = 4;

export interface LoadOptions {
  count: number;
  /** They come in so many equal parts. After each, nothing is in progress until `atRest` has resolved. */
  parts: number;
  atRest: (done: number) => Promise<void>;
  /** Called some four times in each part, and always at its end. */
  look: (done: number) => void;
}

/** Runs that many tasks. */
export async function mixedLoad(
  url: string,
  { count, parts, atRest, look }: LoadOptions,
): Promise<{ faults: string[] }> {
  for (const [name, source] of Object.entries(PYTHON)) await registerSource(url, name, source);
  await registerSource(url, 'exits', 'import os\ndef exits():\n    os._exit(1)\n');
  await registerSource(url, 'js', 'export default (n) => n * 2;', 'javascript');
  const faults: string[] = [];
  let given = 0;
  let done = 0;
  let lookAt = 0;
  const loop = async (until: number): Promise<void> => {
    while (given < until) {
      const from = given;
      const size = Math.min(BATCH, until - from);
      given += size;
      const kinds = Array.from({ length: size }, (_, at) =>
        at === BATCH - 1 ? DEAR : KINDS[(from + at) % KINDS.length]!,
      );
      const tasks = kinds.map(({ function: fn, args, options = {} }, at) => ({
        function: fn,
        args: args(from + at),
        options,
      }));
      const { status, body } = await post<{ task_ids: string[] }>(`${url}/v1/tasks/batch`, { tasks });
      if (status !== 201) throw new Error(`a batch was answered ${status} ${JSON.stringify(body)}`);
      const ends = await endsOf(url, body.task_ids);
      for (const [at, id] of body.task_ids.entries()) {
        const end = ends.get(id);
        if (end === undefined || !kinds[at]!.isRight(end, from + at)) {
          faults.push(`${kinds[at]!.function}(${from + at}) ended so: ${JSON.stringify(end ?? null).slice(0, 300)}`);
        }
      }
      done += size;
      if (done >= lookAt || done === until) {
        lookAt += count / parts / LOOKS;
        look(done);
      }
    }
  };
  for (let part = 1; part <= parts; part += 1) {
    const until = Math.round((count / parts) * part);
    await Promise.all(Array.from({ length: LOOPS }, () => loop(until)));
    await atRest(until);
  }
  faults.push(...(await ledgerFaults(url, count)));
  return { faults: faults.slice(0, 20) };
}

/** The platform's own books agree with ours. */
async function ledgerFaults(url: string, count: number): Promise<string[]> {
  const { body } = await get<{ submitted: number; ended: Record<string, number> }>(`${url}/v1/stats`);
  const ended = Object.values(body.ended).reduce((sum, one) => sum + one, 0);
  return body.submitted === count && ended === count
    ? []
    : [`${count} were submitted; the statistics say ${body.submitted} were and ${ended} ended`];
}
