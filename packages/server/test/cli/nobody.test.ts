// `mpcsfaas call` and `map` where nobody is there to run the task: one line on stderr says so, and how to change it.
import type { ServerResponse } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { program, type RunningProgram } from './harness.ts';
import { startCliService, type CliService } from './service.ts';
import { standIn } from './stand-in.ts';

const NOBODY = /^mpcsfaas: No worker is connected\. Start one: `mpcsfaas worker push (tcp:\S+)`\.\n/;

/** A worker whose functions are run by the system's Python. */
const begin = (...args: string[]): RunningProgram =>
  program('mpcsfaas', [...args, '--slots', '2', '--python', '/usr/bin/python3', '--data-dir', service.folder]);

let service: CliService;
beforeAll(async () => {
  const source = 'import time\ndef double(x):\n    return x * 2\ndef nap(seconds):\n    time.sleep(seconds)\n';
  service = await startCliService(source, ['double', 'nap'], ['--mode', 'push', '--worker-port', '0']);
  writeFileSync(join(service.folder, 'in'), '1\n2\n');
  writeFileSync(join(service.folder, 'naps'), '3\n');
});
afterAll(() => service.stop());

describe('where no worker is connected', () => {
  it('call and map name the command that helps, and go on once it does', async () => {
    const call = service.running('call', 'double', '21', '--json');
    const map = service.running('map', 'double', 'in');
    const [said, address = ''] = await call.says(NOBODY);
    await map.says(NOBODY);
    expect([call.stdout(), map.stdout()]).toEqual(['', '']);
    const worker = begin('worker', 'push', address);
    const [called, mapped] = [await call.ended, await map.ended];
    expect(called).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\{[^]*"value": 42\n\}\n$/) as string,
      stderr: said,
    });
    expect(mapped).toEqual({ code: 0, stdout: '2\n4\n', stderr: said });
    worker.signal('SIGTERM');
    expect((await worker.ended).code).toBe(0);
  });

  it('what expires meanwhile ends so', async () => {
    const { code, stderr } = await service.cli('call', 'double', '21', '--expires', '100ms');
    expect(code).toBe(1);
    expect(stderr.split('\n').at(-2)).toMatch(/^mpcsfaas: The call failed, expired: /);
  });

  it('what may not start yet waits for nobody', async () => {
    const { code, stderr } = await service.cli('call', 'double', '21', '--delay', '1h');
    expect([code, stderr]).toEqual([3, expect.stringMatching(/^mpcsfaas: The call has not ended yet; [^\n]+\n$/)]);
    // Nor are they told before the delay is over, and then they are.
    for (const line of [
      ['call', 'double', '21', '--tag', 'delayed'],
      ['map', 'double', 'in', '--tag', 'delayed'],
    ]) {
      const began = performance.now();
      const running = service.running(...line, '--delay', '2s');
      await running.says(NOBODY);
      expect(performance.now() - began).toBeGreaterThan(4_000);
      running.signal('SIGINT');
      expect((await running.ended).code).toBe(130);
    }
  });
});

describe('where a worker is connected', () => {
  let worker: RunningProgram;
  beforeAll(async () => {
    const { stderr } = await service.cli('call', 'double', '21', '--wait', '0');
    worker = begin('worker', 'push', /worker push (tcp:[^`]+)`/.exec(stderr)![1]!);
    expect((await service.cli('call', 'double', '21')).stdout).toBe('42\n');
  });
  afterAll(async () => {
    worker.signal('SIGTERM');
    await worker.ended;
  });

  it('what it lacks is named', async () => {
    await expect.poll(() => service.done('workers')).toMatch(/ready/);
    const why = 'mpcsfaas: No connected worker has python and the labels gpu. Start one that has, or ask for less.\n';
    const call = await service.cli('call', 'double', '21', '--label', 'gpu', '--wait', '2500ms');
    expect(call).toMatchObject({ code: 3, stdout: '' });
    const map = service.running('map', 'double', 'in', '--label', 'gpu');
    await map.says(/No connected worker/);
    map.signal('SIGINT');
    const mapped = await map.ended;
    expect(mapped).toMatchObject({ code: 130, stdout: '' });
    for (const { stderr } of [call, mapped]) expect(stderr.startsWith(why)).toBe(true);
    for (const { stderr } of [call, mapped]) expect(stderr.split('\n')).toHaveLength(3);
  });

  it('a call that takes its time is let be', async () => {
    for (const said of await Promise.all([service.cli('call', 'nap', '3'), service.cli('map', 'nap', 'naps')]))
      expect(said).toEqual({ code: 0, stdout: 'null\n', stderr: '' });
  });
});

describe('map asks once', () => {
  let close = (): void => undefined;
  afterEach(() => close());

  it.each([
    [500, { detail: 'It is out of order.' }],
    [200, { hi: 1 }],
    [200, { waits: null }],
    [200, { waits: { reason: 'behind_others', detail: 'Others wait.' } }],
  ])('and says nothing where the answer is %i %j', async (status, body) => {
    const asked: string[] = [];
    let waiting: ServerResponse | undefined;
    const say = (response: ServerResponse, code: number, told: object): void =>
      void response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(told));
    const fake = await standIn(({ url = '' }, response) => {
      asked.push(url);
      if (url === '/v1/tasks/batch') say(response, 201, { task_ids: ['7'] });
      else if (url === '/v1/results') waiting = response;
      else {
        say(response, status, body);
        // Whatever it was told, the end comes after.
        say(waiting!, 200, { results: [{ task_id: '7', value: 14, error: null }], unknown: [] });
      }
    });
    close = fake.close;
    const { code, stdout, stderr } = await service.cli('map', 'double', 'naps', '--url', fake.url);
    expect([code, stdout, stderr]).toEqual([0, '14\n', '']);
    expect(asked).toEqual(['/v1/tasks/batch', '/v1/results', '/v1/tasks/7']);
  });
});
