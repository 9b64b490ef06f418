// The arguments' own JSON texts, as the caller wrote them. A body is parsed once, and what JavaScript makes of a number is
// not always what was written: 9007199254740993 loses a digit, 1e400 becomes null, 1.0 the integer 1, -0 loses its sign.
// Where a body holds such a number, the texts of its arguments are cut out of it and travel in place of what was parsed.

/** `args` and `kwargs` of one task. */
export interface ArgumentText {
  args?: string;
  kwargs?: string;
}

/** By the task's place in the body: '' or '/tasks/17'. */
export type ArgumentTexts = ReadonlyMap<string, ArgumentText>;

const NO_TEXTS: ArgumentTexts = new Map();

const EXPONENT = /\d[eE][-+]?\d+[\s,\]}]/;
const MINUS_ZERO = /-0[\s,\]}]/;

/**
 * Might a number of this JSON text be another one after it was parsed and written again? Seldom true, and cheap: every
 * body with JSON arguments is asked. What is not found keeps value and type: an integer of less than 15 digits, or one
 * with a fraction that is not near to none. More is found than changes, in strings too; that costs a look, nothing else.
 */
export function mayChange(text: string): boolean {
  return (
    text.includes('.0') ||
    text.includes('.9') ||
    (text.includes('-0') && MINUS_ZERO.test(text)) ||
    hasLongRun(text) ||
    EXPONENT.test(text)
  );
}

const LONG_RUN = 15;

/** Is there a run of so many digits? It cannot lie between two places that are so far apart. */
function hasLongRun(text: string): boolean {
  for (let at = LONG_RUN - 1; at < text.length; at += LONG_RUN) {
    if (!isDigit(text, at)) continue;
    let from = at;
    let to = at + 1;
    while (isDigit(text, from - 1)) from--;
    while (isDigit(text, to)) to++;
    if (to - from >= LONG_RUN) return true;
  }
  return false;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

/** The arguments' texts in a body, beside what JSON.parse made of it; none where no number of theirs might change. */
export function argumentTexts(body: string, parsed: unknown): ArgumentTexts {
  return hasArguments(parsed) && mayChange(body) ? new Scan(body).texts() : NO_TEXTS;
}

/** A pickle in base64 is long, and has no numbers. */
function hasArguments(parsed: unknown): boolean {
  if (namesArguments(parsed)) return true;
  const { tasks } = (parsed ?? {}) as { tasks?: unknown };
  return Array.isArray(tasks) && tasks.some(namesArguments);
}

function namesArguments(task: unknown): boolean {
  return typeof task === 'object' && task !== null && ('args' in task || 'kwargs' in task);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;

/** Walks a text that is known to be JSON, so it looks for no mistakes. */
class Scan {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  texts(): ArgumentTexts {
    let batch = new Map<string, ArgumentText>();
    this.#blank();
    if (this.#code() !== OPEN_OBJECT) return NO_TEXTS;
    const own = this.#task((name) => {
      if (name !== 'tasks') return;
      // Of a name that comes twice the last one counts, as in JSON.parse.
      batch = this.#tasks();
    });
    return batch.set('', own);
  }

  #tasks(): Map<string, ArgumentText> {
    const found = new Map<string, ArgumentText>();
    if (this.#code() !== OPEN_ARRAY) return found;
    this.#at++;
    for (let index = 0; this.#more(CLOSE_ARRAY); index++) {
      if (this.#code() === OPEN_OBJECT) found.set(`/tasks/${index}`, this.#task());
      else this.#value();
    }
    return found;
  }

  /** Reads an object. `other` may read the value of a name that is none of ours; else it is passed over. */
  #task(other?: (name: string) => void): ArgumentText {
    const found: ArgumentText = {};
    this.#at++;
    while (this.#more(CLOSE_OBJECT)) {
      const name = this.#name();
      const from = this.#at;
      if (name !== 'args' && name !== 'kwargs') other?.(name);
      if (this.#at === from) this.#value();
      if (name === 'args' || name === 'kwargs') found[name] = this.#text.slice(from, this.#at);
    }
    return found;
  }

  #name(): string {
    const from = this.#at;
    this.#string();
    const text = this.#text.slice(from, this.#at);
    this.#blank();
    this.#at++; // the colon
    this.#blank();
    return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1);
  }

  /** Moves to the next element; at the end behind it, false. */
  #more(close: number): boolean {
    this.#blank();
    if (this.#code() === COMMA) {
      this.#at++;
      this.#blank();
    }
    if (this.#code() !== close) return true;
    this.#at++;
    return false;
  }

  /** Moves behind a value, however deep. */
  #value(): void {
    for (let depth = 0; this.#at < this.#text.length; this.#at++) {
      const code = this.#code();
      if (code === QUOTE) {
        this.#string();
        this.#at--;
      } else if (code === OPEN_ARRAY || code === OPEN_OBJECT) depth++;
      else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) {
        if (depth === 0) return; // the end of what a number or a word stood in
        depth--;
      } else if (depth > 0 || (code !== COMMA && code > SPACE)) continue;
      else return;
      if (depth === 0) {
        this.#at++;
        return;
      }
    }
  }

  #string(): void {
    for (;;) {
      this.#at = this.#text.indexOf('"', this.#at + 1);
      let slashes = 0;
      while (this.#text.charCodeAt(this.#at - 1 - slashes) === BACKSLASH) slashes++;
      if (slashes % 2 === 0) break;
    }
    this.#at++;
  }

  #blank(): void {
    while (this.#code() <= SPACE) this.#at++;
  }

  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }
}
