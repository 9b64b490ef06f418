// What a connection tells is of the call that runs, whichever one opened it: connections stay, for pools keep them.
import { Socket } from 'node:net';

const { apply } = Reflect;

/**
 * What listens to connections runs as begun by the call that runs.
 * @param calls - an AsyncLocalStorage of the call that began what runs now
 * @param running - tells the call that runs
 */
export function lendConnections(calls, running) {
  const caller = calls.getStore.bind(calls);
  const enter = calls.enterWith.bind(calls);
  const { emit } = Socket.prototype;
  // Here, and not where they are made: TLS is made of it too, whose module takes a third of a runner's start to load.
  Socket.prototype.emit = {
    emit(...args) {
      const began = caller();
      const runs = running();
      // Between two calls it stays its own call's, which is over: what it begins then is not the next one's. And with a request
      // of node:http on its way it is the requesting call's, to which the agent has moved it already.
      if (runs === undefined || began === runs || this._httpMessage) return apply(emit, this, args);
      // It stays so where a listener throws: whoever hears of that asks which call it was.
      enter(runs);
      const heard = apply(emit, this, args);
      enter(began);
      return heard;
    },
  }.emit;
}
