// The fence: what a claim hands out and what renew, release and settle must show again.

export interface Fence {
  /** The task. */
  id: string;
  /** 1 for the first claim. */
  attempt: number;
  /** 64 random bits, 16 hex digits: an attempt number alone is no fence when a store goes back in time. */
  token: string;
}
