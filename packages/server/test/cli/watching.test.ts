// workers, top, task logs and retry: what is looked at while it works, on a terminal and in a pipe.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createRelay, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../../test/harness/redis.ts';
import { startCliService, type CliService } from './service.ts';

let service: CliService;
beforeAll(async () => {
  const source = `import os, sys, time
def talk(text, until="/"):
    print(text, flush=True)
    print("aside", file=sys.stderr, flush=True)
    while not os.path.exists(until):
        time.sleep(0.02)
    print("done")
def loud():
    print("x" * 200_000)
def fail():
    raise ValueError("no such luck")
def grumble(until):
    for word in "one", "two":
        print(word, file=sys.stderr, flush=True)
        while not os.path.exists(until):
            time.sleep(0.02)
    print("done")
def steer():
    print("\\x9b1m\\u202e", flush=True)
def raw(until):
    os.write(1, b"\\xff\\xff\\xff\\n")
    while not os.path.exists(until):
        time.sleep(0.02)
    print("done")
`;
  service = await startCliService(source, ['talk', 'loud', 'fail', 'grumble', 'steer', 'raw']);
});
afterAll(() => service.stop());

/** A port that leads to the service while it is open. */
async function gateTo(url: string): Promise<{ url: string; open: () => Promise<void>; shut: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createRelay((near) => {
    const far = connect(Number(new URL(url).port), '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined).on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  const listen = async (port: number): Promise<void> => {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  };
  // None that others are given while it is shut.
  const port = await freePort();
  await listen(port);
  return {
    url: `http://127.0.0.1:${port}`,
    open: () => listen(port),
    shut: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      await closed;
    },
  };
}

const idOf = async (...args: string[]): Promise<string> => {
  const told = await service.cli('call', ...args, '--wait', '0', '--json');
  return (JSON.parse(told.stdout) as { task_id: string }).task_id;
};

describe('task logs', () => {
  it('of a call that ended, each stream where it belongs', async () => {
    await service.cli('call', 'talk', 'one');
    const [task] = ((await service.json('task', 'ls', '--limit', '1')) as { items: { task_id: string }[] }).items;
    expect(await service.cli('task', 'logs', task!.task_id)).toEqual({
      code: 0,
      stdout: 'one\ndone\n',
      stderr: 'aside\n',
    });
    expect(await service.json('task', 'logs', task!.task_id)).toMatchObject({ stdout: { text: 'one\ndone\n' } });
  });

  it('-f as it grows, to the end', async () => {
    const gate = join(service.folder, 'gate');
    const following = service.running('task', 'logs', '-f', await idOf('talk', 'two', gate));
    await following.says(/^two\n/);
    writeFileSync(gate, '');
    expect(await following.ended).toEqual({ code: 0, stdout: 'two\ndone\n', stderr: 'aside\n' });
    const events = (await service.done('task', 'logs', '-f', '--json', await idOf('talk', 'three'))).trim().split('\n');
    expect(JSON.parse(events[0]!)).toMatchObject({ attempt: 1, stream: 'stdout', offset: 0 });
  });

  it('-f loses nothing after bytes that are no UTF-8', async () => {
    const gate = join(service.folder, 'raw-gate');
    const following = service.running('task', 'logs', '-f', await idOf('raw', gate));
    await following.says(/^\ufffd{3}\n/);
    writeFileSync(gate, '');
    expect(await following.ended).toMatchObject({ code: 0, stdout: '\ufffd\ufffd\ufffd\ndone\n' });
  });

  it('says what was not kept', async () => {
    const id = await idOf('loud');
    await expect.poll(() => service.done('task', 'show', id)).toMatch(/COMPLETED/);
    for (const follow of [[], ['-f']]) {
      const { stdout, stderr } = await service.cli('task', 'logs', ...follow, id);
      expect(stderr).toMatch(/^\n… \d+ bytes of stdout were not kept …\n$/);
      expect(stdout.length).toBeLessThan(200_000);
    }
  });

  it('-f goes on where nobody reads its stderr any more', async () => {
    const gate = join(service.folder, 'grumble-gate');
    const id = await idOf('grumble', gate);
    const line = `mpcsfaas task logs -f ${id} 2> >(head -n 1; exec 0< /dev/null; touch ${gate})`;
    expect(await service.shell(`set -o pipefail; (${line}) | cat`)).toEqual({
      code: 0,
      stdout: 'one\ndone\n',
      stderr: '',
    });
  });

  it('-f --json escapes what would steer a terminal', async () => {
    const told = await service.done('task', 'logs', '-f', '--json', await idOf('steer'));
    expect(told).toContain('"\\u009b1m\\u202e\\n"');
  });

  it('-f is left by Ctrl-C, and the task goes on', async () => {
    const id = await idOf('talk', 'four', '/never');
    const following = service.running('task', 'logs', '-f', id);
    await following.says(/^four\n/);
    following.signal('SIGINT');
    expect(await following.ended).toMatchObject({ code: 130, stdout: 'four\n' });
    expect(await service.done('task', 'cancel', id)).toBe(`${id} canceled\n`);
  });

  it('of nothing', async () => {
    const { code, stderr } = await service.cli('task', 'logs', '-f', '7f0c0c1e-4d2a-4b39-9c35-0d7e5f1e6a11');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^mpcsfaas: [^\n]+\n$/)]);
  });
});

it('task retry runs it again as a new one, and says of each that cannot be why', async () => {
  await service.cli('call', 'fail');
  const [task] = ((await service.json('task', 'ls', '--function', 'fail')) as { items: { task_id: string }[] }).items;
  const again = await service.done('task', 'retry', task!.task_id);
  expect(again).toMatch(new RegExp(`^${task!.task_id} runs again as [0-9a-f-]{36}\n$`));
  const running = await idOf('talk', 'five', '/never');
  const { code, stderr, stdout } = await service.cli('task', 'retry', task!.task_id, running, '--json');
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(new RegExp(`^mpcsfaas: ${running}: Task .* has not ended[^\n]*\n$`)),
  ]);
  expect(JSON.parse(stdout)).toEqual([{ task_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string }]);
  await service.done('task', 'cancel', running);
});

it('a path where no service is', async () => {
  const { code, stderr } = await service.cli('workers', '--url', `${service.url}/api`);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^mpcsfaas: [^\n]+\n$/)]);
  expect(stderr).toContain(
    `There is no service at ${service.url}/api: leave /api out of --url, for ${service.url} answers.`,
  );
});

it('workers', async () => {
  expect(await service.done('workers')).toMatch(
    /^WORKER +MODE +HOST +PID +STATE +SLOTS +BUSY +WAITING +RUNTIMES +LABELS\n\S+ +local +\S+ +\d+ +ready +2 +\d +\d +.*python 3\.\d+/,
  );
  expect(await service.json('workers')).toMatchObject({ items: [{ mode: 'local', slots: 2 }] });
});

describe('colours', () => {
  it('are on a terminal alone, and not where NO_COLOR is set', async () => {
    const list = ['task', 'ls', '--limit', '3'];
    expect((await service.cli(...list)).stdout).toMatch(/^TASK [^\x1b]*$/);
    // Whoever runs the tests may have set it; empty, it says nothing.
    expect((await service.onTerminal('never', '', list, { NO_COLOR: '' }).ended).stdout).toMatch(
      /^\x1b\[1mTASK .*\x1b\[0m\r?\n\S+ {2}\x1b\[\d+m[A-Z]+ *\x1b\[0m/,
    );
    expect((await service.onTerminal('never', '', list, { NO_COLOR: '1' }).ended).stdout).not.toContain('\x1b');
  });
});

describe('top', () => {
  it('is one plain frame after another in a pipe', async () => {
    const text = await service.done('top', '--frames', '2', '--interval', '100ms', '--tasks', '1');
    expect(text).not.toContain('\x1b');
    expect(text.match(/^mpcsfaas http:.* UTC$/gm)).toHaveLength(2);
    expect(text).toMatch(/^throughput +[\d.]+\/s ended, [\d.]+\/s submitted, [\d.]+\/s failed$/m);
    expect(text).toMatch(/^queue +\d+ waiting .*running/m);
    expect(text).toMatch(/^slots +\[#* *\] \d of 2 busy on 1 worker$/m);
    expect(text).toMatch(/^WORKER .*\n\S+ +local/m);
    expect(text).toMatch(/^TASK .*\n[0-9a-f-]{36} /m);
  });

  it('is a line of JSON each for programs, with what happened between them', async () => {
    const top = service.running('top', '--interval', '300ms', '--json');
    await top.says(/\n/);
    await service.cli('call', 'fail');
    await top.says(/"failed_per_s":(?!0,)/);
    top.signal('SIGINT');
    const { stdout, code } = await top.ended;
    expect(code).toBe(130);
    const [first] = stdout.split('\n').map((line) => (line === '' ? {} : (JSON.parse(line) as object)));
    expect(first).toMatchObject({ ended_per_s: 0, stats: { slots: 2 }, workers: [{ mode: 'local' }] });
  });

  it.each([['q'], ['\u0003']])('draws over on a terminal, and %j leaves it as it was', async (key) => {
    const { code, stdout } = await service.onTerminal('slots ', key, ['top', '--interval', '60s']).ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\x1b\[\?1049h\x1b\[\?25l\x1b\[H.*mpcsfaas/);
    expect(stdout).toMatch(/\x1b\[\?25h\x1b\[\?1049l\r?\nmodes kept\n$/);
    // Nothing is wider or longer than the terminal: it must not scroll.
    const frame = stdout
      .split('\x1b[H')[1]!
      .split('\x1b[J')[0]!
      .replaceAll(/\x1b\[[\d?]*[A-Za-z]/g, '')
      .split(/\r*\n/);
    expect(frame.length).toBeLessThan(24);
    expect(Math.max(...frame.map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('draws over nothing on a terminal that cannot', async () => {
    const top = ['top', '--frames', '1'];
    const { code, stdout } = await service.onTerminal('never', '', top, { TERM: 'dumb' }).ended;
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^mpcsfaas http:[^\x1b]*$/)]);
  });

  it('is left while the service hangs', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const top = service.running('top', '--url', `http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    await once(silent, 'request');
    top.signal('SIGINT');
    expect((await top.ended).code).toBe(130);
    silent.closeAllConnections();
    silent.close();
  });

  it('says that it waits while the service is away, and goes on', async () => {
    const gate = await gateTo(service.url);
    const args = ['top', '--interval', '100ms', '--tasks', '0', '--url', gate.url];
    const piped = service.running(...args);
    await piped.says(/slots /);
    // Every frame of a service that is there begins with our name.
    const onScreen = service.onTerminal('(?s)waiting for it.*\\x1b\\[H[^N]', 'q', args);
    await onScreen.says(/slots /);
    await gate.shut();
    const away = String.raw`No service answers at ${gate.url} \((ECONNREFUSED|ECONNRESET|socket hang up)\): waiting for it`;
    await onScreen.says(new RegExp(away));
    await piped.says(new RegExp(`^mpcsfaas: ${away}\\.\\n$`));
    const frames = (): number => piped.stdout().split('slots ').length;
    const before = frames();
    await gate.open();
    await expect.poll(frames).toBeGreaterThan(before);
    expect((await onScreen.ended).code).toBe(0);
    piped.signal('SIGINT');
    expect((await piped.ended).code).toBe(130);
    await gate.shut();
  });

  it('where no service runs is one sentence, on the usual screen', async () => {
    const { code, stdout } = await service.onTerminal('never', '', ['top', '--url', 'http://127.0.0.1:1']).ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^mpcsfaas: No service answers at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\): start one[^\n]*\n\nmodes kept\n$/,
    );
  });
});
