// A mistake of the user's or the machine's: one sentence on stderr, a non-zero exit, never a stack trace.

export class UserError extends Error {
  override name = 'UserError';
  readonly exitCode: number;

  /** `exitCode`: 1 = it did not work, 2 = it was asked for wrongly. */
  constructor(sentence: string, exitCode = 1) {
    super(sentence);
    this.exitCode = exitCode;
  }
}
