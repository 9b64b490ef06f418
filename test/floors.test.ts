// The house's rules, read from the imports: floors stack, siblings never meet, each foreign thing has one door.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const server = join(root, 'packages/server/src');
const client = join(root, 'packages/client/src');

/** Room → floor. A room that is missing here fails the test: say where it stands. */
const FLOOR: Record<string, number> = {
  cli: 5,
  service: 4,
  dispatcher: 4,
  worker: 4,
  tasks: 3,
  runner: 3,
  store: 2,
  protocol: 2,
  auth: 1,
  config: 1,
  telemetry: 1,
  lifecycle: 0,
  // Single files on the ground: clock, backoff …
  '': -1,
};

/** What lies on one floor and below another's reach all the same. */
const FORBIDDEN: [room: string, target: string][] = [
  ['worker', 'store'],
  ['worker', 'tasks'],
];

interface Import {
  file: string;
  from: string;
  target: string;
  room: string;
  targetRoom: string;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

const roomOf = (file: string): string => {
  const path = relative(server, file);
  return path.includes('/') ? path.split('/')[0]! : '';
};

const files = sources(server);
const texts = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));
const imports: Import[] = files.flatMap((file) =>
  [...texts.get(file)!.matchAll(/(?:^|\n)(?:import|export)\b[^;]*?from '([^']+)'/g)].map(([, from = '']) => {
    const target = from.startsWith('.') ? normalize(join(dirname(file), from)) : from;
    return { file, from, target, room: roomOf(file), targetRoom: from.startsWith('.') ? roomOf(target) : '' };
  }),
);
const own = imports.filter(({ from }) => from.startsWith('.'));
const where = ({ file, from }: Import): string => `${relative(root, file)} imports ${from}`;

describe('floors', () => {
  it('has a floor for every room', () => {
    expect(files.map(roomOf).filter((room) => !(room in FLOOR))).toEqual([]);
  });

  it('imports run downward only, and siblings never import each other', () => {
    const wrong = own.filter(({ room, targetRoom }) => room !== targetRoom && FLOOR[targetRoom]! >= FLOOR[room]!);
    expect(wrong.map(where)).toEqual([]);
  });

  it.each(FORBIDDEN)('%s never imports %s', (room, target) => {
    expect(own.filter((one) => one.room === room && one.targetRoom === target).map(where)).toEqual([]);
  });

  it('has no circle of files', () => {
    const next = Map.groupBy(own, ({ file }) => file);
    const state = new Map<string, 'open' | 'done'>();
    const circles: string[] = [];
    const visit = (file: string, path: string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        circles.push([...path.slice(path.indexOf(file)), file].map((one) => relative(server, one)).join(' → '));
        return;
      }
      state.set(file, 'open');
      for (const { target } of next.get(file) ?? []) visit(target, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    expect(circles).toEqual([]);
  });
});

describe('one door per foreign thing', () => {
  const users = (pattern: RegExp): string[] =>
    files.filter((file) => pattern.test(texts.get(file)!)).map((file) => relative(server, file));

  it.each([
    ['ZeroMQ, one a side', /from 'zeromq'/, ['protocol/dispatcher-socket.ts', 'protocol/worker-port.ts']],
    ['the environment', /process\.env\b/, ['cli/options.ts']],
    ['the end of the process', /process\.exit\(/, ['cli/process.ts']],
    ['SQLite', /from 'node:sqlite'/, ['store/embedded/database.ts']],
  ])('%s', (_, pattern, doors) => {
    expect(users(pattern).sort()).toEqual([...doors].sort());
  });

  it.each([
    ['Redis', /from 'ioredis'/, 'store/redis/'],
    ['Fastify', /from 'fastify'/, 'service/'],
    ['child processes of runners', /from 'node:child_process'/, 'runner/'],
  ])('%s stays in its room', (_, pattern, room) => {
    expect(users(pattern).filter((file) => !file.startsWith(room) && !file.startsWith('cli/'))).toEqual([]);
  });
});

/** The client's files, from the ground up: each imports from floors below its own. */
const CLIENT_FLOORS = [
  ['contract', 'compiler-helpers'],
  ['errors'],
  ['pause', 'json-text', 'compiler-words', 'options'],
  ['connection', 'source'],
  ['server-events', 'submitter', 'canceling'],
  ['ends', 'task-logs'],
  ['task-handle'],
  ['mapped'],
  ['remote-function'],
  ['faas'],
  ['index'],
];

describe('the client', () => {
  const floorOf = (name: string): number => CLIENT_FLOORS.findIndex((floor) => floor.includes(name));
  const those = sources(client).map((file) => ({ name: relative(client, file).replace(/\.ts$/, ''), file }));
  const imported = (file: string): string[] =>
    [...readFileSync(file, 'utf8').matchAll(/(?:^|\n)(?:import|export)\b[^;]*?from '([^']+)'/g)].map(
      ([, from]) => from!,
    );

  it('imports downward only, and nothing that is not its own', () => {
    const wrong = those.flatMap(({ name, file }) =>
      imported(file)
        .filter((from) => !/^\.\/[\w-]+\.ts$/.test(from) || floorOf(from.slice(2, -3)) >= floorOf(name))
        .map((from) => `${name} imports ${from}`),
    );
    expect(wrong).toEqual([]);
    expect(those.filter(({ name }) => floorOf(name) < 0)).toEqual([]);
  });

  it('says on the first line of each file what it is', () => {
    expect(those.filter(({ file }) => !readFileSync(file, 'utf8').startsWith('// '))).toEqual([]);
  });
});

describe('files', () => {
  it('say on their first line what they are', () => {
    const silent = files.filter((file) => !texts.get(file)!.startsWith('// '));
    expect(silent.map((file) => relative(root, file))).toEqual([]);
  });

  it('have names that say something', () => {
    const drawers = files.filter((file) =>
      /(^|\/)(utils?|helpers?|common|misc|types|interfaces)(\.ts|\/)/.test(relative(server, file)),
    );
    expect(drawers).toEqual([]);
  });
});
