// A parcel: the number of a call (u32, little-endian) and bytes, its argument on the way out and its result on the way back.
// All hops pass parcels on as they are; to and from the Python children they go in frames.

/** u32. */
const NUMBER_BYTES = 4;
/** u32 length of what follows; then for each parcel the u32 length of its bytes and the parcel. */
const SIZE_BYTES = 4;
const LENGTH_BYTES = 4;
/** More than are under way at a time. */
const KEPT_CALLS = 1 << 10;

/** The parcel of a call. `number` is a u32. */
export function parcel(number: number, bytes: Buffer): Buffer {
  const made = Buffer.allocUnsafe(NUMBER_BYTES + bytes.length);
  made.writeUInt32LE(number, 0);
  made.set(bytes, NUMBER_BYTES);
  return made;
}

/** Of which call it is. */
export function numberOf(one: Buffer): number {
  return one.readUInt32LE(0);
}

/** What is kept of a call takes the place of what was kept of one long ended: large ones would fill the memory and the disk. */
export function placeOf(one: Buffer): number {
  return numberOf(one) % KEPT_CALLS;
}

/** The argument or result in it: a view, no copy. */
export function bytesOf(one: Buffer): Buffer {
  return one.subarray(NUMBER_BYTES);
}

/** Parcels as one frame, for one write. */
export function frame(parcels: readonly Buffer[]): Buffer {
  const size = parcels.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0);
  const made = Buffer.allocUnsafe(SIZE_BYTES + size);
  let at = made.writeUInt32LE(size, 0);
  for (const one of parcels) {
    at = made.writeUInt32LE(one.length - NUMBER_BYTES, at);
    made.set(one, at);
    at += one.length;
  }
  return made;
}

/** Takes what a pipe brings, in whatever pieces, and hands on the parcels of each whole frame. */
export function unframed(hand: (parcels: Buffer[]) => void): (chunk: Buffer) => void {
  let pieces: Buffer[] = [];
  let held = 0;
  /** Fewer bytes than this hold no whole frame: a large one is joined once, when its last piece has come. */
  let wanted = SIZE_BYTES;
  return (chunk) => {
    pieces.push(chunk);
    held += chunk.length;
    if (held < wanted) return;
    const data = pieces.length === 1 ? chunk : Buffer.concat(pieces, held);
    const parcels: Buffer[] = [];
    let at = 0;
    wanted = SIZE_BYTES;
    while (data.length - at >= SIZE_BYTES) {
      const end = at + SIZE_BYTES + data.readUInt32LE(at);
      if (end > data.length) {
        wanted = end - at;
        break;
      }
      at += SIZE_BYTES;
      while (at < end) {
        const from = at + LENGTH_BYTES;
        at = from + NUMBER_BYTES + data.readUInt32LE(at);
        parcels.push(data.subarray(from, at));
      }
    }
    held = data.length - at;
    pieces = held === 0 ? [] : [data.subarray(at)];
    if (parcels.length > 0) hand(parcels);
  };
}
