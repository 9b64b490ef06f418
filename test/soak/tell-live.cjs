// Preloaded into each program of a soak: at SIGUSR2 it collects all garbage, gives back what V8 can, as the program does by itself
// where that is worth it, and writes down what is left, in bytes. It tells what a program holds on to from what has not been
// given back.
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const { renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const ALL = { type: 'major', flavor: 'last-resort' };
const directory = process.env.SOAK_LIVE_DIRECTORY;

process.on('SIGUSR2', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  collect(ALL);
  // What native objects held is let go of a moment after they are.
  setTimeout(() => {
    collect(ALL);
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const file = join(directory, String(process.pid));
    writeFileSync(`${file}.part`, String(heapUsed + arrayBuffers));
    renameSync(`${file}.part`, file);
  }, 500);
});
