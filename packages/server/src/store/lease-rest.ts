// When leases are let be (DELIVERY: the owners renew first): in the first lease time after a (re)connect to the server, and
// after a jump of its clock. Pure; times are arguments.

/** A jump of the server's clock against ours of more than this counts as one, ms. */
const JUMP_MS = 1000;

export class LeaseRest {
  readonly #leaseMs: number;
  #untilMono = 0;
  /** Server's time less ours, as last seen on this connection. */
  #offset: number | undefined;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** The server was away, or is another one. */
  reconnected(mono: number): void {
    this.#untilMono = mono + this.#leaseMs;
    this.#offset = undefined;
  }

  /** Why leases are to be let be, or ''. `serverMs` = the server's time just now. */
  why(serverMs: number, mono: number): string {
    const offset = serverMs - mono;
    if (this.#offset !== undefined && Math.abs(offset - this.#offset) > JUMP_MS) this.#untilMono = mono + this.#leaseMs;
    this.#offset = offset;
    return mono < this.#untilMono ? 'first lease time after a (re)connect or a jump of the server’s clock' : '';
  }
}
