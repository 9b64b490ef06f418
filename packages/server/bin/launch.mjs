// Starts a program on Node 24 or newer: this one, else the bundled platform package's, else says what to install.
// Plain JavaScript for old versions of Node: it must be able to run where the rest cannot.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';

/**
 * V8 makes good code of a function when it has run 400 times, and 500 times more after it met something new: one that runs
 * once a call gets there after a thousand calls, and a service that answers one at a time is slow for a minute.
 */
const SOONER = ['--invocation-count-for-maglev=100', '--minimum-invocations-after-ic-update=100'];
/**
 * By itself V8 collects its whole heap for every 32 MB or so of payloads that have gone through, however small the heap:
 * with this, payloads count like the rest of what it holds.
 */
const FEWER_COLLECTIONS = ['--external-memory-accounted-in-global-limit'];
const NEEDED = 24;
const PASSED_ON = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];
const here = dirname(fileURLToPath(import.meta.url));

/** Runs the named program (`mpcsfaas`, `task_dispatcher` …) with this process's arguments. */
export async function launch(program) {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
    // Before the cache, which is kept apart for other flags.
    [...SOONER, ...FEWER_COLLECTIONS].forEach((flag) => setFlagsFromString(flag));
    // The next start reads what this one has compiled; where nothing can be kept, nothing is.
    module.enableCompileCache();
    // A checkout runs from source; what is published is compiled.
    const source = join(here, '../src/cli/main.ts');
    const entry = existsSync(source) ? source : join(here, '../dist/cli/main.js');
    const { main } = await import(pathToFileURL(entry).href);
    await main(program, process.argv.slice(2));
    return;
  }
  const node = bundledNode();
  if (node !== undefined) return standInFor(program, node);
  process.stderr.write(
    `${program}: Node ${NEEDED} or newer is needed and this is ${process.versions.node}: install it, or reinstall with optional dependencies on Linux x64 or arm64, where it comes along.\n`,
  );
  process.exit(1);
}

/** The bundled Node binary for this platform, or undefined. */
function bundledNode() {
  try {
    const require = createRequire(import.meta.url);
    const manifest = require.resolve(`node-${process.platform}-${process.arch}/package.json`);
    return join(dirname(manifest), 'bin', 'node');
  } catch {
    return undefined;
  }
}

/**
 * Runs the same command on another Node and is, to the outside, that process: signals go in, its end comes out. The
 * channel between the two carries nothing: its end tells the program that this process was killed (see process.ts).
 */
function standInFor(program, node) {
  const child = spawn(node, process.argv.slice(1), { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  let asked = false;
  for (const signal of PASSED_ON) {
    process.on(signal, () => {
      asked = true;
      child.kill(signal);
    });
  }
  // As the program itself does under npm (see whenOrphaned in process.ts), whose parent we are here.
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event !== undefined) {
    const timer = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(timer);
      if (!asked && child.connected) child.disconnect();
    }, 500);
    timer.unref();
  }
  child.once('error', (error) => {
    process.stderr.write(`${program}: the bundled Node at ${node} does not start (${error.message}).\n`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
