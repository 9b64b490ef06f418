// `mpcsfaas map`: line by line, in order, in bounded memory, and what happens when it is broken off.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Refused } from '../../src/cli/api.ts';
import { patiently } from '../../src/cli/patience.ts';
import { barLine } from '../../src/cli/progress-bar.ts';
import { startCliService, type CliService } from './service.ts';

let service: CliService;
beforeAll(async () => {
  const source = `import time
def double(x):
    return x * 2
def add(a, b=10):
    return a + b
def odd(n):
    if n % 2 == 0:
        raise ValueError(f"{n} is even")
    return n
def nap(seconds):
    time.sleep(seconds)
    return seconds
`;
  service = await startCliService(source, ['double', 'add', 'odd', 'nap']);
});
afterAll(() => service.stop());

const write = (name: string, text: string): string => {
  writeFileSync(join(service.folder, name), text);
  return name;
};
const states = async (group: string): Promise<string[]> =>
  (
    (await service.json('task', 'ls', '--group', group, '--limit', '20000')) as { items: { status: string }[] }
  ).items.map(({ status }) => status);

describe('map', () => {
  it('writes a line for each line, in order; numbers stay as they are written', async () => {
    const inputs = write('in.ndjson', '1\n\n"ab"\n[1, 2]\n1.0\n1e2\n');
    expect(await service.done('map', 'double', inputs)).toBe('2\n"abab"\n[1,2,1,2]\n2.0\n200.0\n');
  });

  it('thousands of them, from a pipe into a pipe', async () => {
    const said = await service.shell('seq 1 3000 | mpcsfaas map double - --group many | paste -sd+ | bc');
    expect(said).toEqual({ code: 0, stdout: `${3000 * 3001}\n`, stderr: '' });
    expect(await states('many')).toEqual(Array.from({ length: 3000 }, () => 'COMPLETED'));
  });

  it('a line ends at a line feed alone, and a byte order mark is none of it', async () => {
    const inputs = write('lines', '\ufeff"a"\r\n"b\u2028c\u2029"\n"d"');
    expect(await service.done('map', 'double', inputs)).toBe('"aa"\n"b\u2028c\u2029b\u2028c\u2029"\n"dd"\n');
  });

  it('values that cannot be written are a failure', async () => {
    const { code, stderr } = await service.shell('seq 1 3 | mpcsfaas map double - > /dev/full');
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^mpcsfaas: The values cannot be written \(ENOSPC\): \d calls? had ended, \d that had not (is|are) canceled\.\n$/,
      ),
    ]);
  });

  it('--spread takes lists of arguments', async () => {
    expect(await service.done('map', 'add', write('pairs', '[1, 2]\n[5]\n'), '--spread')).toBe('3\n15\n');
    const wrong = await service.cli('map', 'add', write('pairs', '[1, 2]\n5\n'), '--spread');
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toBe(
      "mpcsfaas: Line 2 of the inputs is no list: with --spread each line is the list of a call's arguments.\n",
    );
  });

  it('failures are lines, too, and the exit code tells', async () => {
    const { code, stdout, stderr } = await service.cli('map', 'odd', write('in', '1\n2\n3\n'));
    expect([code, stderr]).toEqual([1, 'mpcsfaas: 1 of 3 calls failed: their lines hold {"error": …}.\n']);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      1,
      {
        error: expect.objectContaining({ kind: 'raised', type: 'ValueError', message: '2 is even' }) as unknown,
        task_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
      },
      3,
    ]);
  });

  it.each<[string, string[], string | RegExp]>([
    ['1\n{a\n', ['double', 'in'], 'Line 2 of the inputs is no JSON: each line is one value, a text in quotes too.'],
    ['1\n', ['nobody', 'in'], /^There is no function "nobody"\.$/],
    ['', ['nobody', 'in'], /^There is no function "nobody"/],
    ['\n\n', ['nobody', 'in'], /^There is no function "nobody"/],
    ['', ['double', 'gone'], 'The file gone cannot be read (ENOENT).'],
    ['', ['double', '.'], 'The inputs . are a folder: give a file of JSON lines, or - for stdin.'],
  ])('%j %j is one sentence', async (text, args, sentence) => {
    write('in', text);
    const { code, stderr } = await service.cli('map', ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^mpcsfaas: [^\n]+\n$/);
    expect(stderr.slice('mpcsfaas: '.length, -1)).toEqual(
      typeof sentence === 'string' ? sentence : expect.stringMatching(sentence),
    );
  });

  it('a line that is no UTF-8 is one sentence with its number', async () => {
    const bytes = Buffer.concat([Buffer.from('"ü"\n\n"a'), Buffer.of(0xff), Buffer.from('"\n1\n')]);
    writeFileSync(join(service.folder, 'latin'), bytes);
    const { code, stdout, stderr } = await service.cli('map', 'double', 'latin');
    expect([code, stderr]).toEqual([
      1,
      'mpcsfaas: Line 3 of the inputs is no UTF-8: save them as UTF-8, without which they are no JSON.\n',
    ]);
    expect(stdout).toBe('"üü"\n');
  });

  it('a line that is no call ends it; what comes before is done and written, what comes after is not begun', async () => {
    const many = Array.from({ length: 1_500 }, (_, n) => `${n}\n`).join('');
    const doubled = many.replaceAll(/\d+/g, (n) => String(Number(n) * 2));
    write('in', `${many}{a\n7\n`);
    const said = await service.cli('map', 'double', 'in', '--group', 'broken');
    expect([said.code, said.stderr]).toEqual([
      1,
      'mpcsfaas: Line 1501 of the inputs is no JSON: each line is one value, a text in quotes too.\n',
    ]);
    expect(said.stdout).toBe(doubled);
    expect(await states('broken')).toHaveLength(1_500);
  });

  it('so does one that the service refuses', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    write('in', `1\n2\n${deep}\n3\n{a\n`);
    const said = await service.cli('map', 'double', 'in', '--group', 'refused');
    expect([said.code, said.stderr]).toEqual([1, expect.stringMatching(/^mpcsfaas: [^\n]*[Ll]ine 3\b[^\n]*\n$/)]);
    expect(said.stdout).toBe('2\n4\n');
    expect(await states('refused')).toHaveLength(2);
  });

  it('nothing to do is done', async () => {
    expect(await service.done('map', 'double', write('in', ''))).toBe('');
  });

  it('Ctrl-C cancels what has not run', async () => {
    write('naps', '0\n600\n600\n600\n600\n');
    const map = service.running('map', 'nap', 'naps', '--group', 'interrupted');
    await map.says(/^0\n/);
    map.signal('SIGINT');
    const { code, stderr, stdout } = await map.ended;
    expect([code, stdout]).toEqual([130, '0\n']);
    expect(stderr).toBe('mpcsfaas: Interrupted: 1 call had ended, 4 that had not are canceled.\n');
    expect((await states('interrupted')).sort()).toEqual(['CANCELED', 'CANCELED', 'CANCELED', 'CANCELED', 'COMPLETED']);
  });

  it('Ctrl-C tells what had ended before it, and the bar stays away', async () => {
    write('naps', `${'0\n'.repeat(20)}${'600\n'.repeat(3_000)}`);
    const map = service.onTerminal('20 of 3020', '\u0003', ['map', 'nap', 'naps']);
    const { code, stdout } = await map.ended;
    expect(code).toBe(130);
    expect(stdout.replaceAll('\r\n', '\n')).toMatch(
      /\r\x1b\[K(\^C)?mpcsfaas: Interrupted: 20 calls had ended, 3000 that had not are canceled\.\n\nmodes kept\n$/,
    );
  });

  it('endless inputs: a window of them is under way, and all are canceled when the reader leaves', async () => {
    const said = await service.shell('yes 1 | mpcsfaas map double - --group endless | head -n 3');
    expect(said).toEqual({ code: 0, stdout: '2\n2\n2\n', stderr: '' });
    await expect.poll(async () => new Set(await states('endless'))).not.toContain('QUEUED');
    expect((await states('endless')).length).toBeLessThanOrEqual(11_000);
  });

  it('shows how far it is on a terminal, and takes that away', async () => {
    write('naps', '0.2\n0.3\n0.3\n');
    const map = service.onTerminal('never', '', ['map', 'nap', 'naps']);
    const { code, stdout } = await map.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/\r\x1b\[K\[#+ +\] +\d+ % [12] of 3, \d+\/s/);
    expect(stdout.replaceAll('\r\n', '\n')).toMatch(
      /\r\x1b\[K0\.3\n\r\x1b\[K\[[^\n]*3 of 3[^\n]*\r\x1b\[K\nmodes kept\n$/,
    );
  });

  it('shows it on a terminal that does not say how wide it is, too', async () => {
    write('naps', '0.2\n0.3\n');
    // Without a size of its own this one has none.
    const { stdout } = await service.shell(
      `/usr/bin/python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' mpcsfaas map nap naps`,
    );
    expect(stdout).toMatch(/\r\x1b\[K\[#* *\] +\d+ % [12] of 2, \d+\/s/);
  });

  it('shows what has ended also where the first line has not', async () => {
    write('naps', '2\n0.1\n0\n0\n0.1\n');
    const { stdout } = await service.onTerminal('never', '', ['map', 'nap', 'naps']).ended;
    const [before] = stdout.split(/(?<!\d)2\r\n/);
    expect(before).toMatch(/\r\x1b\[K\[#+ +\] +\d+ % 4 of 5, \d+\/s/);
  });
});

it('a queue that holds fewer than the lines is filled again and again', async () => {
  const small = await startCliService('def double(x):\n    return x * 2\n', ['double'], ['--max-queued-tasks', '5']);
  const lines = Array.from({ length: 200 }, (_, n) => `${n}\n`).join('');
  writeFileSync(join(small.folder, 'in'), lines);
  const doubled = lines.replaceAll(/\d+/g, (n) => String(Number(n) * 2));
  expect(await small.done('map', 'double', 'in')).toBe(doubled);
  await small.stop();
});

it('a line that is too large for a request ends it, after all before it; many that fit one by one do not', async () => {
  const limits = ['--max-body-bytes', '100k', '--max-args-bytes', '40k', '--max-result-bytes', '40k'];
  const small = await startCliService('def size(x):\n    return len(x)\n', ['size'], limits);
  const line = (bytes: number): string => `"${'x'.repeat(bytes)}"\n`;
  writeFileSync(join(small.folder, 'in'), line(30_000).repeat(7));
  expect(await small.done('map', 'size', 'in')).toBe('30000\n'.repeat(7));
  for (const bytes of [50_000, 150_000]) {
    writeFileSync(join(small.folder, 'in'), line(1_000).repeat(5) + line(bytes) + line(1_000));
    const { code, stdout, stderr } = await small.cli('map', 'size', 'in');
    expect([code, stdout]).toEqual([1, '1000\n'.repeat(5)]);
    expect(stderr).toMatch(/^mpcsfaas: [^\n]*[Ll]ine 6\b[^\n]*\n$/);
  }
  await small.stop();
});

it('a service that is full is asked again however long that takes, one that is away is not', async () => {
  const stop = new AbortController();
  const refusing = (status: number, times: number) => (): Promise<string> =>
    times-- > 0
      ? Promise.reject(new Refused('It cannot.', { status, body: { retry_after_ms: 1 }, headers: {} }))
      : Promise.resolve('taken');
  expect(await patiently(refusing(429, 3), 0, stop.signal)).toBe('taken');
  await expect(patiently(refusing(503, 1), -1, stop.signal)).rejects.toThrow('It cannot.');
  const left = patiently(refusing(429, 1e9), 0, stop.signal);
  stop.abort(new Error('left'));
  await expect(left).rejects.toThrow();
});

it('the bar', () => {
  const progress = { ended: 5, failed: 0, submitted: 10, share: 0.5 };
  expect(barLine(progress, 2, 80, false)).toBe(`[${'#'.repeat(12)}${' '.repeat(12)}]  50 % 5 of 10, 3/s`);
  expect(barLine({ ...progress, share: undefined, failed: 2 }, 2, 80, true)).toBe(
    '5 of 10 so far, 3/s\x1b[31m, 2 failed\x1b[0m',
  );
  expect(barLine(progress, 2, 20, false).length).toBeLessThan(20);
});
