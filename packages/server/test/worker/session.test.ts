// What a worker says of a dispatcher that does not take it: once, and then rarely.
import { beforeEach, describe, expect, it } from 'vitest';
import { PART_BYTES, PART_WINDOW_BYTES } from '../../src/protocol/index.ts';
import { Session, type SessionHost } from '../../src/worker/session.ts';

const URL = 'tcp://127.0.0.1:5555';
let now: number;
let notes: string[];
let keyed: boolean;
let servedAt: string | undefined;
let session: Session;

beforeEach(() => {
  now = 1000;
  notes = [];
  keyed = false;
  servedAt = undefined;
  const host: SessionHost = {
    identity: {
      worker: 'w',
      incarnation: 'i',
      mode: 'push',
      host: 'h',
      pid: 1,
      version: '1',
      slots: 1,
      labels: [],
    },
    clock: { mono: () => now, wall: () => now },
    draining: false,
    awaitsSince: () => undefined,
    get keyed() {
      return keyed;
    },
    runtimes: () => [],
    load: () => ({ free: 1, running: 0, waiting: 0 }),
    connectionGone: () => undefined,
    beating: () => undefined,
    held: () => [],
    resultOf: () => {
      throw new Error('nothing has ended here');
    },
    share: () => ({ credits: 1, free: 1 }),
    servedAt: () => servedAt,
    received: () => undefined,
    note: (level, message) => void notes.push(`${level} ${message}`),
  };
  session = new Session(URL, host);
});

/** One try that gets no answer for 2 s. */
function tryInVain(): void {
  session.registration();
  now += 2000;
  session.down('does not answer');
}

function receive(
  item: { k: 'refused'; message: string } | { k: 'welcome'; session: string; dispatcher: string },
): void {
  const envelope = { worker: 'w', incarnation: 'd', seq: 1, session: '', items: [item] };
  session.receive({ envelope, payloads: [] });
}

it('a worker of ours is heard every second from its registration on, and says so', () => {
  expect(session.registration()).toMatchObject([{ k: 'register', beats: true }]);
});

describe('a dispatcher that does not answer', () => {
  it('is told at once, with the causes, and again after half a minute', () => {
    tryInVain();
    expect(notes).toEqual([
      expect.stringMatching(
        /^warn No answer .* tcp:\/\/127\.0\.0\.1:5555: nothing listens there, or it wants a worker key/,
      ),
    ]);
    for (let n = 0; n < 14; n++) tryInVain();
    expect(notes).toHaveLength(1);
    tryInVain();
    expect(notes).toHaveLength(2);
  });

  it('may have another key', () => {
    keyed = true;
    tryInVain();
    expect(notes[0]).toMatch(/its worker key is another one than this worker's, or it has none/);
  });
});

it('a dispatcher of the other mode is told once', () => {
  for (let n = 0; n < 3; n++) {
    session.registration();
    now += 10;
    receive({ k: 'refused', message: 'this dispatcher serves pull workers: start a pull worker' });
  }
  expect(notes).toEqual([expect.stringMatching(/refused a message: this dispatcher serves pull workers/)]);
});

it('the trouble after a welcome is a new one', () => {
  tryInVain();
  session.registration();
  now += 10;
  receive({ k: 'welcome', session: 's', dispatcher: 'd' });
  session.down('is silent');
  tryInVain();
  expect(notes.map((note) => note.slice(0, 25))).toEqual([
    'warn No answer from a dis',
    'info Registered with the ',
    'warn The dispatcher at tc',
    'warn No answer from a dis',
  ]);
});

describe('a dispatcher that is served by another address', () => {
  const OTHER = 'tcp://localhost:5555';
  const SAME = `warn The dispatchers at ${URL} and ${OTHER} are one and the same: this worker serves it by the latter address alone.`;

  it('is told once and let be, until that address is given up', () => {
    servedAt = OTHER;
    session.registration();
    receive({ k: 'welcome', session: 's', dispatcher: 'd' });
    expect([session.isUp, session.standsAside, notes]).toEqual([false, true, [SAME]]);
    session.down('does not answer');
    expect([session.standsAside, notes]).toEqual([true, [SAME]]);
    servedAt = undefined;
    expect(session.standsAside).toBe(false);
    session.registration();
    receive({ k: 'welcome', session: 's', dispatcher: 'd' });
    expect(session.isUp).toBe(true);
  });

  it('is still served by this one while it registers anew, and for a while after it was given up', () => {
    session.registration();
    receive({ k: 'welcome', session: 's', dispatcher: 'd' });
    expect([session.serves('d'), session.serves('e')]).toEqual([true, false]);
    session.down('does not know this worker any more');
    session.registration();
    now += 9_999;
    expect(session.serves('d')).toBe(true);
    now += 1;
    expect(session.serves('d')).toBe(false);
  });
});

describe('parts that have come', () => {
  const told = (): unknown[] =>
    session.credits(false, false).map((item) => (item as { part_bytes: number }).part_bytes);

  it('are told of before the window is used up, whatever else there is to say', () => {
    expect(told()).toEqual([0]);
    const words: unknown[] = [];
    for (let n = 0; n < 16; n += 1) {
      session.partBytes += PART_BYTES;
      words.push(...told());
    }
    expect(words.at(-1)).toBeGreaterThan(16 * PART_BYTES - PART_WINDOW_BYTES);
    expect(words.length).toBeGreaterThan(3);
    // Not one by one: each word is a message.
    expect(words.length).toBeLessThan(9);
  });
});
