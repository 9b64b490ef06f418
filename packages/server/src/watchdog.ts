// Does a loop come round? It says when a turn has succeeded, and when nothing is expected of it; whoever asks is told of one
// that owes a turn for too long. Pure: the monotonic time is an argument.

export class Watchdog {
  readonly #loop: string;
  readonly #boundMs: number;
  /** When the last turn succeeded, or the first began; undefined = nothing is expected. */
  #since: number | undefined;

  /** `loop` = what it is, as the subject of a sentence. A loop rests until it has said that it turns. */
  constructor(loop: string, boundMs: number) {
    this.#loop = loop;
    this.#boundMs = boundMs;
  }

  /** A turn has succeeded, and the next is expected. */
  turned(mono: number): void {
    this.#since = mono;
  }

  /** A turn is expected from now on, if none was yet. */
  begun(mono: number): void {
    this.#since ??= mono;
  }

  /** Nothing is to be done. */
  rests(): void {
    this.#since = undefined;
  }

  /** '' or a sentence without its full stop. */
  trouble(mono: number): string {
    const silent = this.#since === undefined ? 0 : mono - this.#since;
    return silent > this.#boundMs ? `${this.#loop} has not come round for ${Math.round(silent / 1000)} s` : '';
  }
}

/** What several of them have to say. */
export function troublesOf(dogs: Iterable<Watchdog>, mono: number): string[] {
  return [...dogs].map((dog) => dog.trouble(mono)).filter((sentence) => sentence !== '');
}
