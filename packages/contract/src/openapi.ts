// The OpenAPI 3.1 document, made from the routes: a pure function, so that the client can be made from it too.
import { ERRORS, PROBLEM_JSON } from './errors.ts';
import { FRAMES, framed } from './fields.ts';
import { ERRORS_OF_ALL, ERRORS_OF_BODIES } from './route.ts';
import { Problem } from './record.ts';
import { ROUTES } from './routes.ts';
import { SAMPLE } from './samples.ts';
import type { Answer, Example, RouteContract } from './route.ts';
import type { ErrorCode } from './errors.ts';
import type { TObject } from 'typebox';

/** Any JSON. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
type JsonObject = Record<string, Json>;

const TAGS: Record<string, string> = {
  classic: 'What existing MPCSFaaS clients send and expect.',
  functions: 'Code under a name, in immutable versions.',
  tasks: 'One call each, from the queue to its end.',
  results: 'The ends of many, and calls that answer the value.',
  events: 'Ends as they happen.',
  fleet: 'Workers, dispatchers and counts.',
  keys: 'Who may call.',
  health: 'Probes and metrics.',
  sdk: 'Clients to install.',
};

/** The whole document; `version` is the program's. */
export function openApiDocument(version: string): JsonObject {
  const schemas: JsonObject = {};
  const paths: JsonObject = {};
  for (const [operationId, contract] of Object.entries<RouteContract>(ROUTES)) {
    const before = paths[contract.path] as JsonObject | undefined;
    paths[contract.path] = { ...before, [contract.method.toLowerCase()]: operation(operationId, contract, schemas) };
  }
  hoist(Problem, schemas);
  return {
    openapi: '3.1.0',
    info: {
      title: 'MPCSFaaS',
      version,
      summary: 'Ship a function; every call is queued durably; results are pushed back.',
      description:
        'The modern API is under `/v1`; the classic one is kept exactly. Errors are problem details (RFC 9457).',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This service' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key, where keys are on' } },
    },
  };
}

function operation(operationId: string, contract: RouteContract, schemas: JsonObject): JsonObject {
  const out: JsonObject = {
    operationId,
    tags: [contract.tag],
    summary: contract.summary,
    description: contract.description,
    // Keys may be off: no security is an alternative.
    security: contract.open === true ? [] : [{ key: [] }, {}],
  };
  const parameters = [
    ...parametersOf('path', contract.params, contract.examples, schemas),
    ...parametersOf('query', contract.query, contract.examples, schemas),
    ...parametersOf('header', contract.headers, contract.examples, schemas),
  ];
  if (parameters.length > 0) out['parameters'] = parameters;
  if (contract.body !== undefined) out['requestBody'] = requestBody(contract, schemas);
  out['responses'] = responses(contract, schemas);
  return out;
}

function parametersOf(
  where: 'path' | 'query' | 'header',
  object: TObject | undefined,
  examples: readonly Example[],
  schemas: JsonObject,
): Json[] {
  if (object === undefined) return [];
  const needed = new Set<string>(object.required);
  return Object.entries(object.properties).map(([name, schema]) => {
    const { description, ...rest } = schema as unknown as { description?: string };
    const parameter: JsonObject = {
      name,
      in: where,
      required: where === 'path' || needed.has(name),
      description: description ?? name,
      schema: hoist(rest, schemas),
    };
    const given = examples.find((example) => sourceOf(example, where)?.[name] !== undefined);
    if (given !== undefined) parameter['example'] = typed(sourceOf(given, where)![name]!, rest);
    return parameter;
  });
}

function sourceOf(example: Example, where: 'path' | 'query' | 'header'): Readonly<Record<string, string>> | undefined {
  return where === 'path' ? example.params : where === 'query' ? example.query : example.headers;
}

/** An example is written as it stands in the address; the document wants it as its schema's type. */
function typed(text: string, schema: object): Json {
  const type = 'type' in schema ? schema.type : '';
  if (type === 'integer') return Number(text);
  if (type === 'boolean') return text === 'true' || text === '1';
  return type === 'array' ? text.split(',') : text;
}

function requestBody(contract: RouteContract, schemas: JsonObject): JsonObject {
  const examples: JsonObject = {};
  for (const example of contract.examples) {
    if (example.body !== undefined) examples[example.name] = { value: example.body as Json };
  }
  const content: JsonObject = { 'application/json': { schema: hoist(contract.body!, schemas), examples } };
  if (contract.frames === 'in' || contract.frames === 'both') {
    content[FRAMES] = { schema: hoist(framed(contract.body!), schemas) };
  }
  return { required: contract.bodyOptional !== true, content };
}

function responses(contract: RouteContract, schemas: JsonObject): JsonObject {
  const out: JsonObject = {};
  for (const [status, answer] of Object.entries<Answer>(contract.answers)) {
    out[status] = response(contract, Number(status), answer, schemas);
  }
  const codes = new Set<ErrorCode>([
    ...contract.errors,
    ...ERRORS_OF_ALL.filter((code) => contract.open !== true || code !== 'unauthorized'),
    ...(contract.body === undefined ? [] : ERRORS_OF_BODIES),
    // An unknown parameter of the query.
    ...(contract.path.startsWith('/v1/') ? (['validation_failed'] as const) : []),
  ]);
  for (const [status, ofStatus] of Map.groupBy(codes, (code) => ERRORS[code].status)) {
    out[String(status)] = {
      description: ofStatus.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join('. '),
      content: {
        [PROBLEM_JSON]: {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: Object.fromEntries(ofStatus.map((code) => [code, { value: sampleProblem(code) }])),
        },
      },
    };
  }
  return out;
}

function response(contract: RouteContract, status: number, answer: Answer, schemas: JsonObject): JsonObject {
  const content: JsonObject = {};
  if (answer.body !== undefined) {
    const examples: JsonObject = {};
    for (const example of contract.examples) {
      if (example.status === status && example.answer !== undefined) {
        examples[example.name] = { value: example.answer as Json };
      }
    }
    const json: JsonObject = { schema: hoist(answer.body, schemas) };
    if (Object.keys(examples).length > 0) json['examples'] = examples;
    content['application/json'] = json;
    if ((contract.frames === 'out' || contract.frames === 'both') && status === 200) {
      content[FRAMES] = { schema: hoist(framed(answer.body), schemas) };
    }
  }
  for (const media of answer.media ?? []) content[media] = { schema: { type: 'string' } };
  const out: JsonObject = { description: answer.description };
  if (Object.keys(content).length > 0) out['content'] = content;
  if (answer.headers !== undefined) {
    out['headers'] = Object.fromEntries(
      Object.entries(answer.headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
    );
  }
  return out;
}

function sampleProblem(code: ErrorCode): JsonObject {
  const { status, title } = ERRORS[code];
  return {
    type: `urn:mpcsfaas:error:${code}`,
    title,
    status,
    detail: `${title}.`,
    code,
    request_id: SAMPLE.newTask,
  };
}

/** A schema as plain JSON in which every titled schema is a reference into `schemas`. */
function hoist(schema: object, schemas: JsonObject): Json {
  const title = 'title' in schema && typeof schema.title === 'string' ? schema.title : undefined;
  const plain: JsonObject = {};
  for (const [name, value] of Object.entries(schema) as [string, unknown][]) {
    plain[name] = hoistValue(value, schemas);
  }
  if (title === undefined) return plain;
  schemas[title] = plain;
  return { $ref: `#/components/schemas/${title}` };
}

function hoistValue(value: unknown, schemas: JsonObject): Json {
  if (Array.isArray(value)) return value.map((item) => hoistValue(item, schemas));
  if (typeof value === 'object' && value !== null) return hoist(value, schemas);
  return value as Json;
}
