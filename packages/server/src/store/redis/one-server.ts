// All shards on one server: the one that the address names, or the master that sentinels name.
import type { Clock } from '../../clock.ts';
import type { Link, Place, StoreAddress } from './address.ts';
import { spelled } from './address.ts';
import type { Connection } from './connection.ts';
import type { Layout } from './layout.ts';
import { Sentinels } from './sentinels.ts';

export class OneServer implements Layout {
  protected readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  async open(): Promise<string> {
    await this.connection.open();
    return '';
  }

  of(): Connection {
    return this.connection;
  }

  all(): Connection[] {
    return [this.connection];
  }

  nowhere(): never {
    throw new Error('a layout of one server knows it');
  }

  look(): void {
    // There is no other place to look at.
  }

  deafened(): void {
    // Only nodes of a Cluster end subscriptions.
  }

  isReplaced(): boolean {
    return false;
  }

  trouble(): string {
    return '';
  }

  close(): void {
    this.connection.close();
  }
}

/** The connection follows the master. */
export class SentinelMaster extends OneServer {
  readonly #sentinels: Sentinels;
  #opened = false;

  constructor(
    address: Extract<StoreAddress, { is: 'sentinel' }>,
    clock: Clock,
    connect: (link: Link) => Connection,
    onError: (message: string) => void,
    onSettled: () => void,
  ) {
    const { credentials, db, tls, name } = address;
    super(connect({ ...credentials, db, ...(tls && { tls: {} }) }));
    const follow = (place: Place, before: Place | undefined): void => {
      if (before !== undefined) onError(`The sentinels have moved ${name} to ${spelled(place)}.`);
      if (this.#opened || before !== undefined) this.connection.moveTo(place);
    };
    this.#sentinels = new Sentinels(address, clock, follow, onSettled);
  }

  override async open(): Promise<string> {
    const place = await this.#sentinels.open();
    this.#opened = true;
    if (typeof place === 'string') return place;
    if (place === undefined) {
      this.connection.unplaced('none of the sentinels tells where the master is');
      return '';
    }
    await this.connection.open(place);
    return '';
  }

  override look(): void {
    this.#sentinels.askNowAndThen();
  }

  override isReplaced(): boolean {
    return this.#sentinels.isReplacing;
  }

  override trouble(): string {
    return this.#sentinels.trouble();
  }

  override close(): void {
    this.#sentinels.close();
    this.connection.close();
  }
}
