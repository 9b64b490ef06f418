// When leases are let be (DELIVERY: the owners renew first): in the first lease time after a (re)connect to the server and its first answer, after
// it stood still or took no writes, and after a jump of its clock; for the embedded store, after this process stood still. Pure;
// times are arguments.

/** A jump of the server's clock against ours of more than this counts as one, ms. */
const JUMP_MS = 1000;

export class LeaseRest {
  readonly #leaseMs: number;
  #untilMono = 0;
  /** It has answered nothing yet since the connection was made: its clock may have jumped, however long ago that was. */
  #isNew = false;
  /** The server's time less ours on this connection, as far as its answers tell. */
  #offset: Range | undefined;
  /** When it is known to have taken a write: the last sweep was done. */
  #sweptAt: number | undefined;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** The server was away, or is another one. */
  reconnected(mono: number): void {
    this.#untilMono = mono + this.#leaseMs;
    this.#isNew = true;
    this.#offset = undefined;
    this.#sweptAt = undefined;
  }

  /** A sweep was done. Where the one before it was long ago, renewals may have been refused for as long (replicas or the disk missing, a shard on its way). */
  swept(mono: number): void {
    if (this.#isLong(mono)) this.#untilMono = mono + this.#leaseMs;
    this.#sweptAt = mono;
  }

  #isLong(mono: number): boolean {
    return mono - (this.#sweptAt ?? mono) > this.#leaseMs / 2;
  }

  /** Why leases are to be let be, or ''. `serverMs` = the server's time when it answered, between `askedMono` and `mono`. */
  why(serverMs: number, askedMono: number, mono: number): string {
    // How long which way took nobody knows: an answer that comes late is no jump.
    const told = { least: serverMs - mono, most: serverMs - askedMono };
    const known = this.#offset ?? told;
    const hasJumped = told.least > known.most + JUMP_MS || told.most < known.least - JUMP_MS;
    // Renewals stood as long in the queue, so leases may be over that nobody gave up.
    const hasStood = mono - askedMono > this.#leaseMs / 2;
    if (this.#isNew || hasJumped || hasStood || this.#isLong(mono)) this.#untilMono = mono + this.#leaseMs;
    this.#isNew = false;
    this.#offset = common(known, told) ?? told;
    return mono < this.#untilMono ? 'first lease time after a (re)connect, a standstill or a jump of the clock' : '';
  }
}

interface Range {
  least: number;
  most: number;
}

function common(one: Range, other: Range): Range | undefined {
  const least = Math.max(one.least, other.least);
  const most = Math.min(one.most, other.most);
  return least <= most ? { least, most } : undefined;
}
