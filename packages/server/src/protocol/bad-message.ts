// What a peer's unreadable message is: one sentence for the log and for the peer.

/** A message that cannot be read. The sentence goes to the log, once, and back to the peer as `refused`. */
export class BadMessage extends Error {
  override name = 'BadMessage';
}
