// The functions of the load, as source: each reports its start and its end to the file of the run before all else.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { registerSource } from '../harness/http.ts';
import { root, run } from '../harness/program.ts';

const FIXTURES = join(root, 'packages/server/test/runner/fixtures');

const PYTHON = (reports: string): string => `
import os as _os, time as _time
def _note(label, word):
    line = '%d %s %d %d %s\\n' % (label, word, _time.monotonic_ns(), _os.getpid(), _os.path.basename(_os.environ.get('TMPDIR', '?')))
    out = _os.open(${JSON.stringify(reports)}, _os.O_WRONLY | _os.O_APPEND)
    _os.write(out, line.encode())
    _os.close(out)
`;

const SOURCES = {
  quick: `
def quick(label):
    _note(label, 'start')
    _note(label, 'end')
    return label * 2
`,
  nap: `
def nap(label, seconds):
    _note(label, 'start')
    _time.sleep(seconds)
    _note(label, 'end')
    return [label, seconds, _os.getpid()]
`,
  // Says that it lives: what goes on after a cancel shows.
  ticks: `
def ticks(label, seconds):
    _note(label, 'start')
    until = _time.monotonic() + seconds
    while _time.monotonic() < until:
        _time.sleep(0.1)
        _note(label, 'tick')
    _note(label, 'end')
    return [label, seconds, _os.getpid()]
`,
  turns: `
def turns(label, text):
    _note(label, 'start')
    print('turning', len(text))
    _note(label, 'end')
    return text[::-1]
`,
  raises: `
def raises(label):
    _note(label, 'start')
    raise ValueError('no %d' % label)
`,
  spins: `
def spins(label):
    _note(label, 'start')
    while True:
        pass
`,
} as const;

const HOSTILE = [
  'exits',
  'segfaults',
  'ignores_sigterm',
  'hogs_memory',
  'closes_everything',
  'writes_garbage',
  'floods_stdout',
  'leaves_a_child',
  'leaves_a_daemon',
  'returns_a_gigabyte',
] as const;

const JAVASCRIPT = (reports: string): string => `
import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';
const note = (label, word) =>
  appendFileSync(${JSON.stringify(reports)}, [label, word, process.hrtime.bigint(), process.pid, basename(process.env.TMPDIR ?? '?')].join(' ') + '\\n');
export default async (label, ms) => {
  note(label, 'start');
  await new Promise((resolve) => setTimeout(resolve, ms));
  note(label, 'end');
  return { label, double: label * 2 };
};
`;

/** Ids of what is registered, and the classic client's arguments. */
export interface Registered {
  id(name: string): string;
  /** A classic call's arguments, pickled by dill. */
  classicArgs(label: number): string;
}

/** Registers all of them. */
export async function register(url: string, reports: string): Promise<Registered> {
  const ids = new Map<string, string>();
  const note = PYTHON(reports);
  for (const [name, source] of Object.entries(SOURCES)) {
    ids.set(name, await registerSource(url, name, note + source));
  }
  for (const name of HOSTILE) {
    const fixture = readFileSync(join(FIXTURES, `${name}.py`), 'utf8');
    const wrapped = `${note}\n${fixture}\n\ndef called(label, *args):\n    _note(label, 'start')\n    return f(*args)\n`;
    ids.set(name, await registerSource(url, name, wrapped, 'python', {}, 'called'));
  }
  ids.set('javascript', await registerSource(url, 'javascript', JAVASCRIPT(reports), 'javascript'));

  const python = run('/usr/bin/python3', [join(import.meta.dirname, 'pickled.py'), reports]);
  if ((await python.ended) !== 0) throw new Error(`pickling failed:\n${python.output()}`);
  const pickles = JSON.parse(python.output()) as { quick: string; slow: string; args: string };
  for (const name of ['quick', 'slow'] as const) {
    const answer = await fetch(`${url}/register_function`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, payload: pickles[name] }),
    });
    if (!answer.ok) throw new Error(`registering the classic ${name}: ${answer.status} ${await answer.text()}`);
    ids.set(`classic ${name}`, ((await answer.json()) as { function_id: string }).function_id);
  }
  const template = Buffer.from(pickles.args, 'base64');
  const at = template.indexOf(Buffer.alloc(4, 0x5a));
  return {
    id: (name) => {
      const id = ids.get(name);
      if (id === undefined) throw new Error(`no function ${name}`);
      return id;
    },
    classicArgs: (label) => {
      const bytes = Buffer.from(template);
      bytes.writeInt32LE(label, at);
      return `${bytes.toString('base64')}\n`;
    },
  };
}
