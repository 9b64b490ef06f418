// Checks a request against its route's schemas. Nothing is coerced, except in the address, where everything is text.
import type { RouteContract } from '@mpcsfaas/contract';
import { PATTERN_WORDS, framed } from '@mpcsfaas/contract';
import type { TObject, TSchema } from 'typebox';
import { Compile } from 'typebox/schema';
import type { TLocalizedValidationError } from 'typebox/error';
import { noFunction } from '../tasks/functions.ts';
import { Refusal } from '../tasks/refusal.ts';
import { brokenText } from './text-check.ts';

/** What a schema of a query parameter may be. */
interface ParameterSchema {
  type?: string;
  items?: unknown;
}

type Check = (value: unknown) => void;

export interface RequestChecks {
  params: Check;
  headers: Check;
  query: (query: Record<string, unknown>) => Record<string, unknown>;
  body: Check;
  framedBody: Check;
}

const accept: Check = () => undefined;

/** All checks of one route, compiled. */
export function compileChecks(contract: RouteContract): RequestChecks {
  return {
    params: contract.params === undefined ? accept : paramsCheck(contract.params),
    headers: contract.headers === undefined ? accept : check(contract.headers, 'headers', ''),
    query: contract.query === undefined ? queryOfNone(contract.path) : queryCheck(contract.query),
    body: contract.body === undefined ? accept : check(contract.body, 'body', ''),
    framedBody:
      contract.body !== undefined && (contract.frames === 'in' || contract.frames === 'both')
        ? check(framed(contract.body), 'header', '')
        : accept,
  };
}

function check(schema: TSchema, what: string, prefix: string): Check {
  const compiled = Compile(schema);
  return (value) => {
    if (compiled.Check(value)) {
      refuseBrokenText(schema, value);
      return;
    }
    // Bounded by the compiler: a few errors, whatever the size of what was sent.
    const [, faults] = compiled.Errors(value);
    const limit = faults.map(limitOf).find((passed) => passed !== undefined);
    const errors = faults.flatMap((error) => {
      const at = prefix + error.instancePath;
      if (error.keyword === 'required') {
        const { requiredProperties } = error.params;
        return requiredProperties.map((name) => ({ pointer: `${at}/${name}`, message: 'is missing' }));
      }
      if (error.keyword === 'additionalProperties') {
        const { additionalProperties } = error.params;
        return additionalProperties.map((name) => ({ pointer: `${at}/${name}`, message: 'is not a known field' }));
      }
      if (error.keyword === 'pattern') {
        const words = PATTERN_WORDS[String(error.params.pattern)];
        return [{ pointer: at, message: words ?? error.message }];
      }
      if (error.keyword === 'enum') {
        const allowed = error.params.allowedValues.map((one) => JSON.stringify(one)).join(', ');
        const hint = at.endsWith('/runtime') ? ' ("javascript" takes TypeScript, too)' : '';
        return [{ pointer: at, message: `must be one of ${allowed}${hint}` }];
      }
      if (error.keyword === 'maxItems' && at === '/tasks') {
        const message = `${error.message}, which no option raises: send them in several batches`;
        return [{ pointer: at, message }];
      }
      return error.keyword === 'boolean' ? [] : [{ pointer: at, message: error.message }];
    });
    const [first] = errors;
    const where = first === undefined || first.pointer === '' ? `The ${what}` : first.pointer;
    const detail = `${where} ${first?.message ?? 'does not fit its schema'}.`;
    throw new Refusal('validation_failed', detail, { ...(limit !== undefined && { limit }), errors });
  };
}

function refuseBrokenText(schema: TSchema, value: unknown): void {
  const pointer = brokenText(schema, value);
  if (pointer === undefined) return;
  const message = 'holds half of a surrogate pair, which no encoding can keep';
  throw new Refusal('validation_failed', `${pointer} ${message}.`, { errors: [{ pointer, message }] });
}

/** The limit that was passed, where the fault is that one was. */
function limitOf(fault: TLocalizedValidationError): number | undefined {
  if (fault.keyword === 'maxItems' || fault.keyword === 'maximum' || fault.keyword === 'maxLength') {
    return Number(fault.params.limit);
  }
  return undefined;
}

/** Only ids have a form in a path; a reference that names nothing is simply not found. */
function paramsCheck(schema: TObject): Check {
  const compiled = Compile(schema);
  return (value) => {
    if (compiled.Check(value)) return;
    const [name, text] = Object.entries(value as Record<string, string>)[0] ?? ['id', ''];
    if (name === 'ref') throw noFunction(text.slice(0, 64));
    throw new Refusal('invalid_id', `"${text.slice(0, 64)}" is not a well-formed ${name}.`);
  };
}

/** Texts of the address as the declared types: there is nothing but text in an address. */
function queryCheck(schema: TObject): RequestChecks['query'] {
  const checkTyped = check(schema, 'query', '');
  const properties = Object.entries(schema.properties as Record<string, ParameterSchema>);
  return (query) => {
    const typed: Record<string, unknown> = {};
    for (const name of Object.keys(query)) {
      if (Object.hasOwn(schema.properties, name)) continue;
      // A filter with a slip in its name would let everything through.
      throw unknownParameter(name, `known are ${properties.map(([one]) => one).join(', ')}`);
    }
    for (const [name, property] of properties) {
      const given = query[name];
      if (given !== undefined) typed[name] = typedValue(given, property.type);
    }
    checkTyped(typed);
    return typed;
  };
}

/** Only `/v1` is strict: probes, pages and classic clients may bring what they like. */
function queryOfNone(path: string): RequestChecks['query'] {
  if (!path.startsWith('/v1/')) return (query) => query;
  return (query) => {
    const [name] = Object.keys(query);
    if (name !== undefined) throw unknownParameter(name, 'this route has none');
    return query;
  };
}

function unknownParameter(name: string, known: string): Refusal {
  const message = 'is not a known parameter';
  return new Refusal('validation_failed', `${name.slice(0, 64)} ${message} of the query; ${known}.`, {
    errors: [{ pointer: `/${name}`, message }],
  });
}

function typedValue(given: unknown, type: string | undefined): unknown {
  if (type === 'array') return (Array.isArray(given) ? given : [given]).flatMap((text: string) => text.split(','));
  // Of any length: what is too much for a number is too much for every limit, and told or shortened like the rest.
  if (type === 'integer' && typeof given === 'string' && /^-?\d+$/.test(given)) {
    return Math.min(Number(given), Number.MAX_VALUE);
  }
  if (type === 'boolean' && (given === 'true' || given === '1' || given === '')) return true;
  if (type === 'boolean' && (given === 'false' || given === '0')) return false;
  return given;
}
