// The JavaScript child: takes calls from its channel, one answer each, in order.
//
// frames.mjs     the bytes between it and the pool
// functions.mjs  users' code as callables
// module-url.mjs the URL that a source is imported by
// syntax.mjs     what Node does not take, and what to do
// json-value.mjs values as JSON, by the table of docs/json.md
// failures.mjs   thrown values as data
// output.mjs     what a call prints
// builtins.mjs   the language as it was at the start
// leftovers.mjs  what a call leaves running
// connections.mjs what is heard on connections that a call has left open
// memory.mjs     what the process uses without its garbage
// lifeline.mjs   ends the process when its owner is gone
import { AsyncLocalStorage } from 'node:async_hooks';
import { Socket } from 'node:net';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { putBack, uncurried } from './builtins.mjs';
import { lendConnections } from './connections.mjs';
import * as frames from './frames.mjs';
import { errorInfo, Failure } from './failures.mjs';
import { loadFunction } from './functions.mjs';
import { toJson } from './json-value.mjs';
import { leftovers, watchLeftovers } from './leftovers.mjs';
import { bytesInUse } from './memory.mjs';
import { captureOutput } from './output.mjs';

const { cwd, chdir, exit, umask } = process;
const enqueue = uncurried(Array.prototype.push);
const OwnPromise = Promise;
const { parse } = JSON;
const { keys } = Object;
const now = performance.now.bind(performance);

const home = cwd();
const mask = umask(0);
umask(mask);
const priority = getPriority();
const functions = new Map();
const queue = [];
let token;
let running;
let working = false;
/** A call has left something behind. */
let untidy = false;

const calls = new AsyncLocalStorage();
const within = calls.run.bind(calls);
const caller = calls.getStore.bind(calls);
/** The call that began what runs now, also where it is over: what a module begins is that call's which loaded it. What none began is the running one's. */
const owner = () => caller() ?? running;
lendConnections(calls, () => running);

// The pool drops what a call prints that is over.
const output = captureOutput((stream, bytes) => frames.sendOutput(owner()?.number ?? 0, stream, bytes));

// What users' code throws where no call of it can catch it. A call that is over cannot be rejected any more.
const rejectOwner = (error) => owner()?.reject(error);
process.on('uncaughtException', rejectOwner);
process.on('unhandledRejection', rejectOwner);

new Worker(new URL('./lifeline.mjs', import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: 16 } }).unref();
watchLeftovers(process.argv[2] === 'kept', () => !caller()?.loads);

const channel = new Socket({ fd: 3, readable: true, writable: true });
const push = frames.frameReader((kind, body) => enqueue(queue, { kind, body }));
channel.on('data', (chunk) => {
  push(chunk);
  void work();
});
channel.on('close', () => exit(0));
frames.sendReady();

async function work() {
  if (working) return;
  working = true;
  try {
    for (let frame = queue.shift(); frame; frame = queue.shift()) await take(frame);
  } catch {
    // It can neither read nor answer any more; the pool knows this code (ends.ts).
    exit(70);
  } finally {
    working = false;
  }
}

async function take(frame) {
  if (frame.kind === frames.CODE) {
    const code = frames.readCode(frame.body);
    functions.set(code.number, { code, loaded: undefined });
  } else if (frame.kind === frames.FORGET) {
    functions.delete(frame.body.readUInt32LE(0));
  } else {
    const call = frames.readCall(frame.body);
    if (!mayBegin(call)) return;
    if (!untidy) {
      await answer(call);
      return;
    }
    // The pool takes back what lies behind an untidy call, but this one may have been quicker.
    frames.sendStale(call.number);
    exit(0);
  }
}

/** Rule R3 of the frames: a gated call whose number is not in the gate has been taken back. */
function mayBegin(call) {
  if (!call.gated) return true;
  token ??= frames.readToken();
  if (token === undefined) exit(0);
  if (token !== call.number) return false;
  token = undefined;
  return true;
}

async function answer(call) {
  if (call.memory > 0) frames.sendBefore(call.number, bytesInUse());
  const began = now();
  let json;
  let failure;
  let changed = false;
  try {
    const value = await run(call);
    changed = putBack();
    json = toJson(value);
    if (json.length > call.maxResult) {
      throw new Failure(
        'result_too_large',
        new RangeError(
          `the result has ${json.length} bytes and the limit is ${call.maxResult} (max_result_bytes, option ` +
            '--max-result-bytes): return less, or store it elsewhere and return where',
        ),
      );
    }
  } catch (error) {
    failure = error instanceof Failure ? error : new Failure('raised', error);
  }
  const runMs = now() - began;
  running = undefined;
  // What was thrown, and what the result says of itself, is users' code too.
  if (putBack()) changed = true;
  const flags = changed ? frames.UNTIDY : tidy();
  untidy = flags !== 0;
  if (failure) frames.sendFailure(call.number, flags, runMs, { kind: failure.kind, ...errorInfo(failure.cause) });
  else frames.sendValue(call.number, flags, runMs, json);
}

function run(call) {
  return new OwnPromise((resolve, reject) => {
    running = { number: call.number, reject };
    void execute(call, running, resolve);
  });
}

async function execute(call, own, resolve) {
  try {
    const held = functions.get(call.fn);
    held.loaded ??= await within({ ...own, loads: true }, () => loadFunction(held.code));
    const { args, kwargs } = decode(call);
    const { loaded } = held;
    resolve(await within(own, () => loaded(...args, ...(keys(kwargs).length > 0 ? [kwargs] : []))));
  } catch (error) {
    own.reject(error);
  }
}

function decode(call) {
  if (!call.argsJson) {
    throw new Failure('load_failed', new TypeError('JavaScript functions take JSON arguments, not a pickle'));
  }
  try {
    const { args = [], kwargs = {} } = parse(call.args.toString());
    return { args, kwargs };
  } catch (error) {
    throw new Failure('load_failed', new TypeError(`cannot load the arguments: ${error.message}`));
  }
}

/** Puts the process in order after a call; tells where it cannot. */
function tidy() {
  output.restore();
  try {
    umask(mask);
    if (getPriority() !== priority) return frames.UNTIDY;
    if (cwd() !== home) chdir(home);
  } catch {
    return frames.UNTIDY;
  }
  return leftovers() > 0 ? frames.UNTIDY : 0;
}
