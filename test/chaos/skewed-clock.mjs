// Preloaded into a program: its wall clock goes wrong by CHAOS_SKEW_MS. The monotonic clock stays as it is, as on a
// machine whose date is set wrong.
const skew = Number(process.env.CHAOS_SKEW_MS ?? 0);
const RightDate = Date;

globalThis.Date = class Date extends RightDate {
  constructor(...given) {
    if (given.length === 0) super(RightDate.now() + skew);
    else super(...given);
  }

  static now() {
    return RightDate.now() + skew;
  }
};
