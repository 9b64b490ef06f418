// Real sockets: a dispatcher's port with REQ and DEALER peers, in plain text and under CURVE.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/clock.ts';
import {
  FreeSocket,
  LockstepSocket,
  WorkerPort,
  type Envelope,
  type Received,
  type WorkerItem,
} from '../../src/protocol/index.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const hello: Envelope<WorkerItem> = { worker: 'w1', incarnation: 'i1', seq: 1, session: '', items: [{ k: 'goodbye' }] };

/** A port that answers every message with `welcome` and its payloads. */
async function echoPort(
  workerKey: string,
  clock: Clock = systemClock,
): Promise<{ url: string; bad: string[]; turnedAway: string[] }> {
  const bad: string[] = [];
  const turnedAway: string[] = [];
  const port: WorkerPort = await WorkerPort.open({
    host: '127.0.0.1',
    port: 0,
    workerKey,
    onMessage: (peer, envelope, payloads) =>
      port.send(peer, { ...envelope, items: [{ k: 'welcome', session: 's', dispatcher: 'd' }] }, payloads),
    onBad: (_, sentence) => bad.push(sentence),
    onFault: () => undefined,
    onTurnedAway: (sentence) => turnedAway.push(sentence),
    clock,
  });
  closers.push(() => port.close());
  return { url: port.address, bad, turnedAway };
}

function lockstep(url: string, workerKey: string): LockstepSocket {
  const socket = new LockstepSocket({ url, workerKey }, () => undefined);
  closers.push(() => socket.close());
  return socket;
}

describe.each([
  ['plain', ''],
  ['CURVE', 'a-worker-key-of-some-length'],
])('the worker link (%s)', (_, key) => {
  it('answers a REQ peer', async () => {
    const { url } = await echoPort(key);
    const answer = await lockstep(url, key).exchange(hello, [Buffer.from('payload')], 5_000);
    expect(answer?.envelope.items[0]?.k).toBe('welcome');
    expect(answer?.payloads[0]?.toString()).toBe('payload');
  });

  it('answers a DEALER peer, in order', async () => {
    const { url } = await echoPort(key);
    const answers: Received[] = [];
    let arrived: () => void = () => undefined;
    const all = new Promise<void>((resolve) => (arrived = resolve));
    const socket = new FreeSocket(
      { url, workerKey: key },
      (received) => {
        answers.push(received);
        if (answers.length === 200) arrived();
      },
      () => undefined,
    );
    closers.push(() => socket.close(0));
    for (let n = 0; n < 200; n += 1) socket.send({ ...hello, seq: n }, [Buffer.from(String(n))]);
    await all;
    expect(answers.map(({ envelope }) => envelope.seq)).toEqual([...Array(200).keys()]);
  });
});

describe('the worker key', () => {
  const key = 'a-worker-key-of-some-length';

  /** Knocks with one socket after the other until the port has told of it: where the stranger sees first that the two do
   * not fit, ZeroMQ does not come again with that socket. */
  async function knock(url: string, workerKey: string, turnedAway: readonly string[]): Promise<void> {
    while (turnedAway.length === 0) {
      expect(await lockstep(url, workerKey).exchange(hello, [], 300)).toBeUndefined();
    }
  }

  it('keeps out a worker without one', async () => {
    const { url, turnedAway } = await echoPort(key);
    await knock(url, '', turnedAway);
    expect(turnedAway).toEqual([expect.stringMatching(/turned away .* has no worker key/)]);
  });

  it('keeps out a worker with another', async () => {
    const { url, turnedAway } = await echoPort(key);
    await knock(url, 'another-key-of-some-length', turnedAway);
    expect(await lockstep(url, key).exchange(hello, [], 5_000)).toBeDefined();
    // It came several times, and is told once.
    expect(turnedAway).toEqual([expect.stringMatching(/its worker key is another one/)]);
  });

  it('is not known to a port without one', async () => {
    const { url, turnedAway } = await echoPort('');
    await knock(url, key, turnedAway);
    expect(turnedAway).toEqual([expect.stringMatching(/has a worker key and this side has none/)]);
  });
});

it('peers that hung up while we stood still are not told of as strangers', async () => {
  let stoodStillMs = 0;
  const clock = { ...systemClock, mono: () => systemClock.mono() + stoodStillMs };
  const { url, turnedAway } = await echoPort('', clock);
  stoodStillMs = 5_000;
  const port = Number(url.split(':').at(-1));
  // The signature of a ZMTP greeting, and no more of it.
  const begun = Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3]);
  const hangUp = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1');
    socket.write(begun);
    await once(socket, 'data');
    socket.destroy();
    await once(socket, 'close');
  };
  await Promise.all(Array.from({ length: 8 }, hangUp));
  // Answers come behind what the port was told of the others.
  for (let i = 0; i < 5; i++) expect(await lockstep(url, '').exchange(hello, [], 5_000)).toBeDefined();
  expect(turnedAway).toEqual([]);
});

describe('a REQ lane', () => {
  it('asks again on a new socket after an answer that did not come', async () => {
    let answering = false;
    const port: WorkerPort = await WorkerPort.open({
      host: '127.0.0.1',
      port: 0,
      workerKey: '',
      onMessage: (peer, envelope) => {
        if (answering) port.send(peer, { ...envelope, items: [{ k: 'register_again' }] }, []);
      },
      onBad: () => undefined,
      onFault: () => undefined,
      onTurnedAway: () => undefined,
      clock: systemClock,
    });
    closers.push(() => port.close());
    const socket = lockstep(port.address, '');
    expect(await socket.exchange(hello, [], 300)).toBeUndefined();
    answering = true;
    expect((await socket.exchange(hello, [], 5_000))?.envelope.items[0]?.k).toBe('register_again');
  });

  it('does not wait for the answer of one that has gone away', async () => {
    let asked: () => void = () => undefined;
    const request = new Promise<void>((resolve) => (asked = resolve));
    const port = await WorkerPort.open({
      host: '127.0.0.1',
      port: 0,
      workerKey: '',
      onMessage: () => asked(),
      onBad: () => undefined,
      onFault: () => undefined,
      onTurnedAway: () => undefined,
      clock: systemClock,
    });
    // Longer than the test may take.
    const exchange = lockstep(port.address, '').exchange(hello, [], 600_000);
    await request;
    await port.close();
    expect(await exchange).toBeUndefined();
  });
});

describe('a port that is taken', () => {
  it('is refused with one sentence', async () => {
    const { url } = await echoPort('');
    const port = Number(url.split(':').at(-1));
    const open = WorkerPort.open({
      host: '127.0.0.1',
      port,
      workerKey: '',
      onMessage: () => undefined,
      onBad: () => undefined,
      onFault: () => undefined,
      onTurnedAway: () => undefined,
      clock: systemClock,
    });
    await expect(open).rejects.toThrow(/cannot be opened: Address already in use\.$/);
  });
});
