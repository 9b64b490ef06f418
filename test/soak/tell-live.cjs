// Preloaded into each program of a soak: at SIGUSR2 it collects all garbage and writes down what is left, in bytes. It tells
// what a program holds on to from what V8 and the C library have not given back.
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const { renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const directory = process.env.SOAK_LIVE_DIRECTORY;

process.on('SIGUSR2', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  collect();
  // What native objects held is let go of a moment after they are.
  setTimeout(() => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const file = join(directory, String(process.pid));
    writeFileSync(`${file}.part`, String(heapUsed + arrayBuffers));
    renameSync(`${file}.part`, file);
  }, 500);
});
