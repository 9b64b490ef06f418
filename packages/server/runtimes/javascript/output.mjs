// What a call prints through console, process.stdout and process.stderr.

// Kept from here: they are used while users' code runs.
const { from } = Buffer;
const later = queueMicrotask;

/** Sends every write to `send(stream, bytes)`; `restore()` undoes what users' code changed about that. */
export function captureOutput(send) {
  const streams = [process.stdout, process.stderr];
  const writers = streams.map((_, index) => (data, encoding, done) => {
    const callback = typeof encoding === 'function' ? encoding : done;
    const bytes =
      typeof data === 'string'
        ? from(data, typeof encoding === 'string' ? encoding : 'utf8')
        : from(data.buffer, data.byteOffset, data.byteLength);
    send(index, bytes);
    if (callback) later(callback);
    return true;
  });
  const restore = () => {
    for (const [index, stream] of streams.entries()) {
      if (stream.write !== writers[index]) stream.write = writers[index];
    }
  };
  restore();
  return { restore };
}
