// The dispatcher's side of ZeroMQ: one ROUTER that both REQ (pull) and DEALER (push) workers speak to.
// Every message is [routing id, empty, header, payload frames…]; a REQ socket adds the empty frame by itself.
import * as zmq from 'zeromq';
import { BadMessage } from './bad-message.ts';
import { curveKeys, type CurveKeys } from './curve.ts';
import { packHeader, unpackHeader } from './envelope.ts';
import {
  MAX_FRAME_BYTES,
  MAX_UNREGISTERED_BYTES,
  type DispatcherItem,
  type Envelope,
  type WorkerItem,
} from './messages.ts';
import { Outbox } from './outbox.ts';
import { Stillness } from './stillness.ts';
import type { Peer, Port, WorkerPortOptions } from './transport.ts';
import { uninterruptedly } from './uninterrupted.ts';

/** A worker that is turned away comes again twice a second. */
const TURNED_AWAY_EVERY_MS = 10_000;

const ZAP_DOMAIN = 'mpcsfaas';

export class WorkerPort implements Port {
  readonly #router: zmq.Router;
  readonly #zap: zmq.Reply | undefined;
  readonly #outbox: Outbox<Buffer[]>;
  readonly #stillness: Stillness;
  readonly #options: WorkerPortOptions;
  #listening: Promise<void> = Promise.resolve();

  private constructor(options: WorkerPortOptions) {
    this.#options = options;
    this.#stillness = new Stillness(options.clock);
    const context = new zmq.Context();
    const keys = options.workerKey === '' ? undefined : curveKeys(options.workerKey);
    this.#zap = keys && authenticator(context, keys);
    this.#router = new zmq.Router({
      context,
      // What cannot be routed is dropped: its worker's next heartbeat tells. Not mandatory: with its only worker dead such
      // a socket is writable for nobody, and the send, and with it our close, would wait for ever.
      linger: 200,
      maxMessageSize: MAX_FRAME_BYTES,
      // Far more than is ever under way to a worker, by credits and part windows: what is beyond it, for a peer that reads
      // nothing, is dropped and blocks nobody.
      sendHighWaterMark: 10_000,
      receiveHighWaterMark: 10_000,
      ...(keys && {
        curveServer: true,
        curveSecretKey: keys.server.secretKey,
        zapDomain: ZAP_DOMAIN,
        // Without this a missing authenticator would let everybody in.
        zapEnforceDomain: true,
      }),
    });
    let toldAt = Number.NEGATIVE_INFINITY;
    const tell = (why: string): void => {
      const now = options.clock.mono();
      if (now - toldAt < TURNED_AWAY_EVERY_MS) return;
      toldAt = now;
      options.onTurnedAway(
        `A worker was turned away at the workers' port: ${why} (MPCSFAAS_WORKER_KEY or --worker-key-file, the same on both sides).`,
      );
    };
    this.#router.events.on('handshake:error:auth', () => tell('its worker key is another one'));
    this.#router.events.on('handshake:error:protocol', ({ error }) => {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ERR_ZMTP_MECHANISM_MISMATCH')
        tell(keys === undefined ? 'it has a worker key and this side has none' : 'it has no worker key');
      else if (code === 'ERR_ZMTP_CRYPTOGRAPHIC') tell('its worker key is another one');
    });
    // The same mismatch, where the other side saw it first and hung up; ZeroMQ does not come again with that socket. Those who
    // gave up on us while we stood still look the same.
    this.#router.events.on('handshake:error:other', () => {
      if (this.#stillness.isRecent()) return;
      tell(
        keys === undefined
          ? 'it hung up in the handshake, as one does that has a worker key and this side has none'
          : 'it hung up in the handshake, as one does that has no worker key',
      );
    });
    this.#outbox = new Outbox(
      (frames) => this.#router.send(frames),
      () => undefined,
    );
  }

  /** @throws Error with one sentence where the address cannot be bound. */
  static async open(options: WorkerPortOptions): Promise<WorkerPort> {
    const port = new WorkerPort(options);
    const address = `tcp://${options.host}:${options.port === 0 ? '*' : options.port}`;
    try {
      await uninterruptedly(() => port.#router.bind(address));
    } catch (error) {
      port.#stillness.close();
      port.#router.close();
      port.#zap?.close();
      throw new Error(
        `The workers' port ${options.host}:${options.port} cannot be opened: ${(error as Error).message}.`,
        { cause: error },
      );
    }
    port.#listening = port.#listen();
    return port;
  }

  /** `tcp://host:port` as bound. */
  get address(): string {
    return this.#router.lastEndpoint ?? '';
  }

  send(peer: Peer, envelope: Envelope<DispatcherItem>, payloads: Buffer[]): void {
    this.#outbox.push([peer, Buffer.alloc(0), packHeader(envelope), ...payloads]);
  }

  /** Sends what waits, then closes. */
  async close(): Promise<void> {
    await this.#outbox.drained();
    this.#stillness.close();
    this.#router.close();
    this.#zap?.close();
    await this.#listening;
  }

  async #listen(): Promise<void> {
    for await (const frames of this.#router) {
      const [peer, delimiter, header, ...payloads] = frames;
      if (peer === undefined) continue;
      try {
        if (delimiter?.length !== 0 || header === undefined)
          throw new BadMessage('a message is [empty, header, payloads…]');
        const envelope = unpackHeader<WorkerItem>(header, 'worker', payloads);
        if (envelope.session === '' && totalBytes(frames) > MAX_UNREGISTERED_BYTES) {
          throw new BadMessage('a message before registration is too large');
        }
        this.#options.onMessage(peer, envelope, payloads);
      } catch (error) {
        if (error instanceof BadMessage) this.#options.onBad(peer, error.message);
        // One worker's message must not end what all the others are served by.
        else this.#options.onFault(peer, error);
      }
    }
  }
}

function totalBytes(frames: readonly Buffer[]): number {
  return frames.reduce((sum, frame) => sum + frame.length, 0);
}

/** Answers ZeroMQ's authentication requests (RFC 27/ZAP): CURVE with our client key, nothing else. */
function authenticator(context: zmq.Context, keys: CurveKeys): zmq.Reply {
  const reply = new zmq.Reply({ context, linger: 0 });
  void serveZap(reply, keys);
  return reply;
}

async function serveZap(reply: zmq.Reply, keys: CurveKeys): Promise<void> {
  await reply.bind('inproc://zeromq.zap.01');
  for await (const [version, request, domain, , , mechanism, credential] of reply) {
    const ok =
      domain?.toString() === ZAP_DOMAIN &&
      mechanism?.toString() === 'CURVE' &&
      credential?.equals(keys.clientPublicRaw) === true;
    await reply.send([version ?? '1.0', request ?? '', ok ? '200' : '400', ok ? 'OK' : 'unknown key', '', '']);
  }
}
