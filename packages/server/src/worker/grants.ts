// How a worker's room is shared among its dispatchers: the sum of what they may spend never exceeds the room. Pure.

export interface Share {
  credits: number;
  free: number;
}

export interface Claimant {
  /** Tasks that came from it lately: who brings work gets the larger share. */
  recent: number;
  /** What it was granted last and may still spend. */
  granted: Share;
}

/**
 * Splits `room` among the claimants, in their order. Each gets an equal first credit while there are any, the rest by
 * what they brought lately. A share grows only into room that nobody else was granted before: a withdrawn credit may
 * still be spent by a message that is under way, so it is given to another only in the next round.
 */
export function shareRoom(room: Share, claimants: readonly Claimant[]): Share[] {
  if (claimants.length === 1) return [{ credits: room.credits, free: Math.min(room.free, room.credits) }];
  const wanted = split(room.credits, claimants);
  const wantedFree = split(Math.min(room.free, room.credits), claimants);
  return claimants.map((_, at) => ({
    credits: bounded(room.credits, wanted, claimants, at, 'credits'),
    free: bounded(room.free, wantedFree, claimants, at, 'free'),
  }));
}

function split(total: number, claimants: readonly Claimant[]): number[] {
  const weights = claimants.map((claimant) => 1 + claimant.recent);
  const sum = weights.reduce((a, b) => a + b, 0);
  const shares = weights.map((weight) => Math.floor((total * weight) / sum));
  let left = total - shares.reduce((a, b) => a + b, 0);
  // What rounding left goes to those with nothing first, then to the busiest.
  const order = claimants.map((_, at) => at).sort((a, b) => shares[a]! - shares[b]! || weights[b]! - weights[a]!);
  for (const at of order) {
    if (left === 0) break;
    shares[at]! += 1;
    left -= 1;
  }
  return shares;
}

function bounded(
  total: number,
  wanted: readonly number[],
  claimants: readonly Claimant[],
  at: number,
  what: keyof Share,
): number {
  const others = claimants.reduce(
    (sum, claimant, other) => (other === at ? sum : sum + Math.max(claimant.granted[what], wanted[other]!)),
    0,
  );
  return Math.max(0, Math.min(wanted[at]!, total - others));
}
