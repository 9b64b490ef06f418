// How many tasks of which lanes to claim: what the offers can take, never more. Pure.
import { serves } from '../lifecycle/demand.ts';
import { parseLane } from '../lifecycle/lane.ts';
import type { LaneQuota } from '../store/index.ts';
import type { Offer } from './executor.ts';

/**
 * Is it worth a claim? A free slot always is. Prefetch alone is filled up when a third of it has run dry, not call by
 * call: the slots have work meanwhile, and one claim of many costs little more than one of one. Where one call a slot is held,
 * calls are long, and what one worker leaves for a while another takes, who then has more than the others at the end.
 */
function wantsWork({ slots, free, credits, held }: Offer): boolean {
  return credits > 0 && (free > 0 || credits * 2 >= held || held <= 2 * slots);
}

/** Quotas for the lanes that somebody can serve at the moment, and the total to ask for. */
export function quotasOf(offers: readonly Offer[], lanes: Iterable<string>): { quotas: LaneQuota[]; max: number } {
  const open = offers.filter(wantsWork);
  const quotas: LaneQuota[] = [];
  if (open.length > 0) {
    for (const lane of lanes) {
      const demand = parseLane(lane);
      let max = 0;
      for (const offer of open) {
        // An at-most-once task needs a slot that starts it at once: it is never prefetched.
        if (serves(offer, demand)) max += demand.atMostOnce ? Math.min(offer.free, offer.credits) : offer.credits;
      }
      if (max > 0) quotas.push({ lane, max });
    }
  }
  return { quotas, max: open.reduce((sum, offer) => sum + offer.credits, 0) };
}
