// HTTP requests that are almost right: the documented examples with their ids, values, bytes, types and methods changed.
import fc from 'fast-check';
import { FRAMES, ROUTES, type Example, type RouteContract } from '@mpcsfaas/contract';
import { almost, damaged } from './mutations.ts';

export interface OddRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
}

const METHODS = ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS'] as const;
const TYPES = [
  'application/json',
  FRAMES,
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/json; charset=x',
  '',
];

const word = fc.oneof(
  fc.constantFrom('..', '%2e%2e', '%00', '%ff', '%', '', '*', '0', '-1', '1e9', 'true', 'null', 'a'.repeat(3000)),
  fc.string({ maxLength: 20, unit: 'binary' }).map(encodeURIComponent),
);

/** `real`: documented ids → those of tasks and functions that are there. */
export function oddRequests(real: ReadonlyMap<string, string>): fc.Arbitrary<OddRequest> {
  const examples = Object.values<RouteContract>(ROUTES).flatMap((route) =>
    route.examples.map((example) => ({ route, example: actual(example, real) })),
  );
  const body = (example: Example): fc.Arbitrary<Buffer | undefined> => {
    if (example.body === undefined) return fc.oneof(fc.constant(undefined), { weight: 1, arbitrary: junkBody });
    const json = almost([example.body]).map((value) => Buffer.from(JSON.stringify(value)));
    return fc.oneof({ weight: 5, arbitrary: damaged(json) }, { weight: 1, arbitrary: damaged(framed(json)) });
  };
  return fc
    .constantFrom(...examples)
    .chain(({ route, example }) =>
      fc.record({
        route: fc.constant(route),
        example: fc.constant(example),
        body: body(example),
        type: fc.oneof({ weight: 8, arbitrary: fc.constant('') }, fc.constantFrom(...TYPES)),
        method: fc.oneof({ weight: 15, arbitrary: fc.constant('') }, fc.constantFrom(...METHODS)),
        strange: fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, word),
        query: fc.array(fc.tuple(fc.constantFrom(...Object.keys(route.query?.properties ?? { a: 0 })), word), {
          maxLength: 2,
        }),
        key: fc.oneof(
          { weight: 6, arbitrary: fc.constant('') },
          fc.string({ minLength: 1, maxLength: 300, unit: 'grapheme-ascii' }),
        ),
        accept: fc.constantFrom('', '', FRAMES, 'text/html', '*/*', 'application/json;q=0'),
      }),
    )
    .map((drawn) => requestOf(drawn));
}

interface Drawn {
  route: RouteContract;
  example: Example;
  body: Buffer | undefined;
  type: string;
  method: string;
  strange: string | undefined;
  query: [string, string][];
  key: string;
  accept: string;
}

function requestOf({ route, example, body, type, method, strange, query, key, accept }: Drawn): OddRequest {
  let path = route.path;
  for (const [name, value] of Object.entries(example.params ?? {})) {
    path = path.replace(`{${name}}`, strange ?? encodeURIComponent(value));
  }
  const asked = [
    ...Object.entries(example.query ?? {}).map(([name, value]) => [name, encodeURIComponent(value)]),
    ...query,
  ];
  if (asked.length > 0) path += `?${asked.map((pair) => pair.join('=')).join('&')}`;
  const framedBody = body !== undefined && body.length > 4 && body[0] === 0;
  return {
    method: method === '' ? route.method : method,
    path,
    headers: {
      ...(body !== undefined && { 'content-type': type === '' ? (framedBody ? FRAMES : 'application/json') : type }),
      ...(key !== '' && { 'idempotency-key': key }),
      ...(accept !== '' && { accept }),
    },
    body,
  };
}

function actual(example: Example, real: ReadonlyMap<string, string>): Example {
  let text = JSON.stringify(example);
  for (const [sample, id] of real) text = text.replaceAll(sample, id);
  return JSON.parse(text) as Example;
}

const junkBody = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(
    Buffer.alloc(200_000, '['),
    Buffer.from('{"a":'.repeat(20_000)),
    Buffer.from('\ufeff{}'),
    Buffer.from('nul'),
  ),
);

/** A body in the frames format around this header. */
function framed(json: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(json, fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 }))
    .map(([head, frames]) => Buffer.concat([head, ...frames].flatMap((part) => [length(part.length), part])));
}

function length(bytes: number): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(bytes);
  return prefix;
}

/** Bytes that are hardly HTTP. */
export const rawBytes: fc.Arbitrary<Buffer> = damaged(
  fc.constantFrom(
    ...[
      'GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n',
      'POST /v1/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{}',
      'POST /v1/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n{',
      `GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`,
      `GET /${'z'.repeat(70_000)} HTTP/1.1\r\n\r\n`,
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    ].map((text) => Buffer.from(text, 'latin1')),
  ),
);
