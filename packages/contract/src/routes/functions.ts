// /v1/functions: register a version, list, look at and delete.
import { Type } from '../type.ts';
import { CODE_FORMS, RUNTIMES } from '../vocabulary.ts';
import { FunctionName, Id, Payload, FunctionRef, Time } from '../fields.ts';
import { FunctionOptions } from '../options.ts';
import { SAMPLE } from '../samples.ts';
import { MAX_PAGE } from '../limits.ts';
import { route } from '../route.ts';
import { PYTHON_PATTERN } from '../patterns.ts';

export const FunctionBody = Type.Object(
  {
    function_id: Id,
    name: Type.String(),
    version: Type.Integer({ description: '1, 2, … under its name; 0 for a classic registration' }),
    runtime: Type.Enum([...RUNTIMES]),
    form: Type.Enum([...CODE_FORMS]),
    entry: Type.String({ description: "The function's name in its source; '' = the only one, or the default export" }),
    python: Type.String({ description: "Python version that pickled it, '' where unknown" }),
    description: Type.String(),
    pickler: Type.String({ description: "What pickled it and in which version, '' where unknown" }),
    source_text: Type.String({
      description: "Source text of a pickled function, to be read by people; '' where unknown",
    }),
    digest: Type.String({ description: 'SHA-256 of the code' }),
    code_bytes: Type.Integer(),
    options: FunctionOptions,
    created_at: Time,
  },
  { title: 'Function' },
);

/** Characters. A listing shows it with every function. */
const MAX_SOURCE_TEXT = 16 * 1024;

const Ref = Type.Object({ ref: FunctionRef });
const DoomedRef = {
  ...FunctionRef,
  description: 'What goes: the one version of an id or of `name@3`, or every version of a bare name',
};

const DOUBLE = {
  function_id: SAMPLE.functionId,
  name: 'double',
  version: 1,
  runtime: 'python',
  form: 'source',
  entry: 'double',
  python: '',
  description: 'Twice its argument',
  pickler: '',
  source_text: '',
  digest: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  code_bytes: 32,
  options: { timeout_ms: 60_000 },
  created_at: SAMPLE.time,
};

export const registerFunction = route({
  method: 'POST',
  path: '/v1/functions',
  tag: 'functions',
  summary: 'Register a function',
  description:
    'Ships code under a name: `source` (a text), or `payload` (a dill or cloudpickle pickle). The same name, code and ' +
    'options as the newest version answer 200 and that version; anything else makes a new version and answers 201. ' +
    'Names that a JavaScript function uses and that are surely neither its own nor globals are refused, and so is a class.',
  body: Type.Object(
    {
      name: FunctionName,
      runtime: Type.Enum([...RUNTIMES]),
      source: Type.Optional(Type.String({ minLength: 1, description: 'Source text; or else `payload`' })),
      payload: Type.Optional(Payload),
      entry: Type.Optional(Type.String({ maxLength: 200, description: "The function's name in the source" })),
      python: Type.Optional(Type.String({ pattern: PYTHON_PATTERN, description: 'Python version that pickled it' })),
      description: Type.Optional(Type.String({ maxLength: 4096 })),
      pickler: Type.Optional(Type.String({ maxLength: 100, description: 'What pickled it: `dill 0.3.6`' })),
      source_text: Type.Optional(
        Type.String({
          maxLength: MAX_SOURCE_TEXT,
          description: 'Source text of the pickled function, to be read by people',
        }),
      ),
      options: Type.Optional(FunctionOptions),
    },
    { title: 'NewFunction', additionalProperties: false },
  ),
  frames: 'in',
  answers: {
    200: { description: 'This very version exists', body: FunctionBody },
    201: { description: 'A new version', body: FunctionBody },
  },
  errors: [
    'invalid_frames',
    'invalid_base64',
    'invalid_pickle',
    'not_callable',
    'pickle_for_javascript',
    'not_self_contained',
    'code_too_large',
  ],
  examples: [
    {
      name: 'Python source',
      body: {
        name: 'double',
        runtime: 'python',
        source: 'def double(x):\n    return x * 2\n',
        entry: 'double',
        description: 'Twice its argument',
        options: { timeout_ms: 60_000 },
      },
      status: 201,
      answer: DOUBLE,
    },
    {
      name: 'a pickle',
      body: {
        name: 'length',
        runtime: 'python',
        payload: SAMPLE.lenPickle,
        python: '3.11',
        pickler: 'dill 0.3.6',
      },
      status: 201,
    },
    {
      name: 'JavaScript',
      body: { name: 'triple', runtime: 'javascript', source: 'export default (x) => x * 3;' },
      status: 201,
    },
    {
      name: 'JavaScript that is not all there',
      body: { name: 'area', runtime: 'javascript', source: '(r) => r * r * PI' },
      status: 422,
    },
  ],
});

export const listFunctions = route({
  method: 'GET',
  path: '/v1/functions',
  tag: 'functions',
  summary: 'List functions',
  description: 'All versions, newest first, classic registrations too.',
  query: Type.Object({
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, description: 'Items a page (100)' })),
    cursor: Type.Optional(Type.String({ description: '`next_cursor` of the page before' })),
  }),
  answers: {
    200: {
      description: 'A page',
      body: Type.Object(
        { items: Type.Array(FunctionBody), next_cursor: Type.String({ description: "'' on the last page" }) },
        { title: 'FunctionPage' },
      ),
    },
  },
  errors: ['invalid_cursor', 'validation_failed'],
  examples: [{ name: 'first page', query: { limit: '10' }, status: 200, answer: { items: [DOUBLE], next_cursor: '' } }],
});

export const getFunction = route({
  method: 'GET',
  path: '/v1/functions/{ref}',
  tag: 'functions',
  summary: 'Look at a function',
  description: 'By id, by name (the newest version) or by `name@version`.',
  params: Ref,
  answers: { 200: { description: 'The function', body: FunctionBody } },
  errors: ['function_not_found'],
  examples: [{ name: 'newest by name', params: { ref: 'double' }, status: 200, answer: DOUBLE }],
});

export const deleteFunction = route({
  method: 'DELETE',
  path: '/v1/functions/{ref}',
  tag: 'functions',
  summary: 'Delete a function',
  description:
    'One version by id or `name@version`; by its bare name every version, and not the newest alone. Tasks that were submitted before still run: its bytes ' +
    'go when its last task is gone.',
  params: Type.Object({ ref: DoomedRef }),
  answers: {
    200: {
      description: 'How many versions went',
      body: Type.Object({ deleted: Type.Integer() }, { title: 'Deleted' }),
    },
  },
  errors: ['function_not_found'],
  examples: [{ name: 'one version', params: { ref: 'spare@1' }, status: 200, answer: { deleted: 1 } }],
});
