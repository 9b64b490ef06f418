// What the nodes of a Cluster tell of it: who serves which slot. The node with the newest epoch is believed.
import type { Place } from './address.ts';

/** A range of slots and the master that serves it. */
export interface SlotRange {
  from: number;
  to: number;
  master: Place;
}

export interface ClusterView {
  /** Of the whole Cluster as this node knows it: each failover and each move of a slot makes a new one. */
  epoch: number;
  ranges: SlotRange[];
}

const SLOTS = 16_384;

/** The slot of all keys with this tag, by the rule of Redis Cluster: CRC-16/XMODEM of what stands between the braces. */
export function slotOfTag(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag.replace(/^\{(.*)\}$/, '$1'))) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc % SLOTS;
}

/** Reads the answers of CLUSTER INFO and CLUSTER SLOTS; a master without a name of its own is at the place that was asked. */
export function readView(info: string, slots: unknown, asked: Place): ClusterView {
  const epoch = Number(/cluster_current_epoch:(\d+)/.exec(info)?.[1] ?? 0);
  const ranges = (Array.isArray(slots) ? slots : []).map((row: unknown): SlotRange => {
    const [from, to, master] = row as [number, number, [string | null, number]];
    const [host, port] = master;
    return { from, to, master: { host: host === null || host === '' || host === '?' ? asked.host : host, port } };
  });
  return { epoch, ranges };
}

export function masterOf(view: ClusterView, slot: number): Place | undefined {
  return view.ranges.find(({ from, to }) => from <= slot && slot <= to)?.master;
}

/** The newest; of equal ones the one that knows most, for a node that has just joined knows little. */
export function newestOf(views: readonly ClusterView[]): ClusterView | undefined {
  const known = ({ ranges }: ClusterView): number => ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  return views.reduce<ClusterView | undefined>((best, one) => {
    if (best === undefined || one.epoch > best.epoch) return one;
    return one.epoch === best.epoch && known(one) > known(best) ? one : best;
  }, undefined);
}

/** Where a slot has gone, as `MOVED slot host:port` tells; undefined where the answer is another. */
export function movedTo(said: string): { slot: number; place: Place | undefined } | undefined {
  const [, slot, host = '', port] = /^MOVED (\d+) (.*):(\d+)$/.exec(said) ?? [];
  if (slot === undefined) return undefined;
  return { slot: Number(slot), place: host === '' ? undefined : { host, port: Number(port) } };
}
