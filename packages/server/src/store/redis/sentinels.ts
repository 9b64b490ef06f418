// Where a master is, as its sentinels know it. All are asked, and the newest configuration counts: one that was cut off
// names the old one. What they announce is a reason to ask, and so is every second: a lost announcement costs no more.
import { Redis } from 'ioredis';
import { backoffMs } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import { Watchdog } from '../../watchdog.ts';
import type { Link, Place, StoreAddress } from './address.ts';

const RECONNECT = { baseMs: 50, maxMs: 1000, factor: 2 };
/** A sentinel that stands still is not waited for. */
const PATIENCE_MS = 1000;
const ASK_MS = 1000;
/** The one that has just announced a switch may be the last to answer. */
const LAST_MS = 100;
/** Sentinels that were set up anew count from the start again. */
const SET_UP_ANEW_MS = 15_000;
const UNKNOWN_MS = 5_000;
const SWITCHED = '+switch-master';
/** Said by the sentinel that makes a failover, a tenth of a second or more before it makes a replica the master. */
const BEGUN = '+failover-state-select-slave';
const GIVEN_UP = ['-failover-abort-no-good-slave', '-failover-abort-slave-timeout', '-failover-abort-not-elected'];

interface Answer {
  place: Place;
  /** Of the configuration: a failover makes a new one. */
  epoch: number;
  /** This sentinel is making a failover. */
  replaces: boolean;
  /** Which sentinel answered, and when it was asked. */
  link: number;
  askedAt: number;
}

export class Sentinels {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #onMaster: (place: Place, before: Place | undefined) => void;
  readonly #onSettled: () => void;
  readonly #links: { asker: Redis; listener: Redis }[];
  #known: Answer | undefined;
  /** Who makes a failover, as was heard last, and when. */
  #replacer: { link: number; at: number } | undefined;
  /** Since when all that answer tell of an older configuration than the one that is known. */
  #olderSince: number | undefined;
  #asking: Promise<string> | undefined;
  #again = false;
  #askedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #watchdog = new Watchdog('asking the sentinels for the master', UNKNOWN_MS);

  /** `onMaster` is told each new place, `onSettled` when a failover is over, however it went. */
  constructor(
    address: Extract<StoreAddress, { is: 'sentinel' }>,
    clock: Clock,
    onMaster: (place: Place, before: Place | undefined) => void,
    onSettled: () => void,
  ) {
    const { sentinels, name, tls, sentinelCredentials } = address;
    this.#name = name;
    this.#clock = clock;
    this.#onMaster = onMaster;
    this.#onSettled = onSettled;
    this.#links = sentinels.map((place) => {
      const settings = { ...place, ...sentinelCredentials, ...(tls && { tls: {} }) };
      return { asker: this.#link(settings), listener: this.#link(settings) };
    });
  }

  /** The master's place, undefined where none tells; or why there can be none. */
  async open(): Promise<Place | string | undefined> {
    this.#watchdog.begun(this.#clock.mono());
    for (const [link, { listener }] of this.#links.entries()) {
      listener.on('ready', () => {
        // Subscribe, then ask: nothing is missed.
        listener.subscribe(SWITCHED, BEGUN, ...GIVEN_UP).then(
          () => this.ask(),
          () => listener.disconnect(true),
        );
      });
      listener.on('message', (channel: string, message: string) => {
        // '<name> …' of a switch, 'master <name> …' of what comes before.
        if (!message.startsWith(`${this.#name} `) && !message.startsWith(`master ${this.#name} `)) return;
        // One that comes late, after the switch that it led to, tells of the master before.
        const port = Number(message.split(' ')[3]);
        if (channel === BEGUN && (this.#known === undefined || this.#known.place.port === port))
          this.#replacer = { link, at: this.#clock.mono() };
        this.ask();
      });
      listener.connect().catch(() => undefined);
    }
    await Promise.all(this.#links.map(({ asker }) => asker.connect().catch(() => undefined)));
    const unknown = await (this.#asking ?? this.#askAll());
    this.#timer = setInterval(() => this.ask(), ASK_MS).unref();
    return this.#known?.place ?? (unknown === '' ? undefined : unknown);
  }

  /** Asks soon, once for all who want it in the meantime. */
  ask(): void {
    if (this.#closed) return;
    if (this.#asking !== undefined) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#askedAt = this.#clock.mono();
    this.#asking = this.#askAll().finally(() => {
      this.#asking = undefined;
      if (this.#again) this.ask();
    });
  }

  /** Whoever waits for the master; many may. */
  askNowAndThen(): void {
    if (this.#clock.mono() - this.#askedAt > LAST_MS) this.ask();
  }

  /**
   * A failover is under way. The old master may live on and take writes, and other replicas confirm them, until the sentinels have
   * told all of them; whatever it says in this time may be forgotten.
   */
  get isReplacing(): boolean {
    return this.#replacer !== undefined;
  }

  /** '' or since when no sentinel has told where the master is: a failover would not be followed. */
  trouble(): string {
    return this.#watchdog.trouble(this.#clock.mono());
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const { asker, listener } of this.#links) {
      asker.disconnect();
      listener.disconnect();
    }
  }

  /** The others learn of a switch seconds after the one that made it, and that one may be slow: they are not believed soon. */
  #isSetUpAnew(): boolean {
    this.#olderSince ??= this.#clock.mono();
    return this.#clock.mono() - this.#olderSince > SET_UP_ANEW_MS;
  }

  #link(settings: Link): Redis {
    const link = new Redis({
      ...settings,
      lazyConnect: true,
      protocol: 2,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      connectTimeout: PATIENCE_MS,
      commandTimeout: PATIENCE_MS,
      disconnectTimeout: 50,
      keepAlive: 1000,
      connectionName: 'mpcsfaas-sentinel',
      retryStrategy: (attempt) => backoffMs(RECONNECT, attempt, Math.random()),
    });
    link.on('error', () => undefined);
    link.on('end', () => {
      if (this.#closed) return;
      setTimeout(() => void link.connect().catch(() => undefined), RECONNECT.maxMs).unref();
    });
    return link;
  }

  /** Answers why the master cannot be known, where every sentinel that answers says so. */
  async #askAll(): Promise<string> {
    const answers: Answer[] = [];
    const refusals: string[] = [];
    const enough = Promise.withResolvers<undefined>();
    const askedAt = this.#clock.mono();
    const asked = this.#links.map(async ({ asker }, link) => {
      try {
        const [place, reply] = await Promise.all([
          asker.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#name),
          asker.call('SENTINEL', 'MASTER', this.#name),
        ]);
        const answer = readAnswer(place, reply);
        if (answer !== undefined) answers.push({ ...answer, link, askedAt });
      } catch (fault) {
        if (isRefusal(fault)) refusals.push(fault.message);
      }
      if (2 * answers.length > this.#links.length) setTimeout(() => enough.resolve(undefined), LAST_MS);
    });
    await Promise.race([Promise.all(asked), enough.promise]);
    this.#learn(answers);
    const [refusal = ''] = answers.length === 0 ? refusals : [];
    if (refusal === '') return '';
    return /No such master/.test(refusal)
      ? `The sentinels know no master named ${this.#name}.`
      : `The sentinels refuse to tell where the master is (${refusal}).`;
  }

  #learn(answers: readonly Answer[]): void {
    const newest = answers.reduce<Answer | undefined>(
      (best, one) => (best && best.epoch >= one.epoch ? best : one),
      undefined,
    );
    if (this.#closed) return;
    if (newest === undefined) return this.#learnReplacer(answers, undefined, false);
    this.#watchdog.turned(this.#clock.mono());
    const before = this.#known;
    if (before !== undefined && newest.epoch < before.epoch && !this.#isSetUpAnew()) return;
    this.#olderSince = undefined;
    this.#known = newest;
    const isMoved = before === undefined || !isSame(before.place, newest.place);
    if (isMoved) this.#onMaster(newest.place, before?.place);
    this.#learnReplacer(answers, newest.place, isMoved);
  }

  /** A failover is over when the sentinel that made it says so, when another master is known, or when that one is silent for long. */
  #learnReplacer(answers: readonly Answer[], master: Place | undefined, isMoved: boolean): void {
    const at = this.#clock.mono();
    const before = this.#replacer;
    const isOver = (known: { link: number; at: number }): boolean =>
      isMoved ||
      at - known.at > SET_UP_ANEW_MS ||
      answers.some(({ link, askedAt }) => link === known.link && askedAt > known.at);
    const replacing = answers.find(({ replaces, place }) => replaces && master !== undefined && isSame(place, master));
    if (replacing !== undefined) this.#replacer = { link: replacing.link, at };
    else if (before !== undefined && isOver(before)) this.#replacer = undefined;
    if (before !== undefined && this.#replacer === undefined) this.#onSettled();
  }
}

function isSame(one: Place, other: Place): boolean {
  return one.host === other.host && one.port === other.port;
}

/**
 * Who makes a failover tells, of where the master is, the new one as soon as there is one, and, of the master, the old one until
 * all replicas follow the new one.
 * @param told - [host, port]
 * @param reply - name, value, name, value …
 */
function readAnswer(told: unknown, reply: unknown): Pick<Answer, 'place' | 'epoch' | 'replaces'> | undefined {
  if (!Array.isArray(told) || !Array.isArray(reply)) return undefined;
  const place = { host: String(told[0]), port: Number(told[1]) };
  if (place.host === '' || !(place.port > 0)) return undefined;
  const fields = new Map<string, string>();
  for (let i = 0; i < reply.length; i += 2) fields.set(String(reply[i]), String(reply[i + 1]));
  const isOld = isSame(place, { host: fields.get('ip') ?? '', port: Number(fields.get('port')) });
  const replaces = isOld && (fields.get('flags') ?? '').includes('failover_in_progress');
  return { place, epoch: Number(fields.get('config-epoch')) || 0, replaces };
}

function isRefusal(fault: unknown): fault is Error {
  return fault instanceof Error && /^(ERR|NOAUTH|WRONGPASS|NOPERM) /.test(fault.message);
}
