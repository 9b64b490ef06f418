// The clock of a run: CLOCK_MONOTONIC in ms, which Python and Node read alike, in whatever process and year they think
// they are. So what functions report about themselves can be put beside what clients saw.

export function now(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
