// One exchange over HTTP. Not by fetch: that one keeps to the ports that browsers call safe, and a service may have any.
import { once } from 'node:events';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import { text } from 'node:stream/consumers';

export interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Nothing was heard for as long as a request's `timeout`, ms. */
export class Silent extends Error {
  override name = 'Silent';
}

/** Rejects where nothing answers, not to the end, or where it falls silent; follows no redirect. */
export async function exchange(target: URL, options: RequestOptions, body?: string): Promise<HttpAnswer> {
  const sent = begin(target, options);
  // What goes wrong after the answer has begun is told by the answer.
  sent.on('error', () => undefined);
  const answered = once(sent, 'response');
  sent.end(body);
  const [answer] = (await answered) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, text: await text(answer) };
}

/** An answer that is read as it comes: its pieces of text, as far as the connection lasts. Refusals, and what is none of these, are told whole. */
export async function stream(
  target: URL,
  options: RequestOptions,
): Promise<{ is: 'open'; pieces: AsyncIterable<string> } | { is: 'refused'; answer: HttpAnswer }> {
  const sent = begin(target, options);
  sent.on('error', () => undefined);
  const answered = once(sent, 'response');
  sent.end();
  const [answer] = (await answered) as [IncomingMessage];
  const { statusCode: status = 0, headers } = answer;
  if (status !== 200 || !/^text\/event-stream\b/.test(headers['content-type'] ?? ''))
    return { is: 'refused', answer: { status, headers, text: await text(answer) } };
  return { is: 'open', pieces: answer.setEncoding('utf8') };
}

/**
 * Read when something is asked, and not by import: that evaluates all that Node's http has, browsers' WebSocket and all of
 * fetch behind it, which is a fifth of what a command costs.
 */
function begin(target: URL, options: RequestOptions): ClientRequest {
  const { request } = process.getBuiltinModule(target.protocol === 'https:' ? 'node:https' : 'node:http');
  const sent = request(target, options);
  // An answer that has begun is what tells the reason.
  let silent: ClientRequest | IncomingMessage = sent;
  sent.once('response', (answer) => (silent = answer));
  sent.once('timeout', () => silent.destroy(new Silent(`nothing was heard for ${(options.timeout ?? 0) / 1000} s`)));
  return sent;
}
