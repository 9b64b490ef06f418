// The classic API: the four calls that existing MPCSFaaS clients send, and the front page.
import { Type } from '../type.ts';
import { Id } from '../fields.ts';
import { KEY_HEADERS } from './tasks.ts';
import { SAMPLE } from '../samples.ts';
import { route } from '../route.ts';

/** `COMPLETE` is said in place of `COMPLETED` under `--classic-complete`. */
const Status = Type.Enum(['QUEUED', 'RUNNING', 'COMPLETED', 'COMPLETE', 'FAILED']);
const TaskParams = Type.Object({ task_id: Id });

const Registered = Type.Object({ function_id: Id }, { title: 'ClassicFunction' });
const Executed = Type.Object({ task_id: Id }, { title: 'ClassicTask' });
const CREATED = 'The same under `--classic-created`';

export const registerClassic = route({
  method: 'POST',
  path: '/register_function',
  tag: 'classic',
  summary: 'Register a function',
  description: '`payload` is `codecs.encode(dill.dumps(f), "base64").decode()`. Always a new id; the name is a label.',
  body: Type.Object({ name: Type.String(), payload: Type.String() }, { title: 'ClassicRegistration' }),
  answers: { 200: { description: 'Registered', body: Registered }, 201: { description: CREATED, body: Registered } },
  errors: ['invalid_base64', 'invalid_pickle', 'not_callable', 'code_too_large'],
  examples: [
    {
      name: 'builtins.len',
      body: { name: 'length', payload: SAMPLE.lenPickle },
      status: 200,
      answer: { function_id: SAMPLE.classicFunctionId },
    },
  ],
});

export const executeClassic = route({
  method: 'POST',
  path: '/execute_function',
  tag: 'classic',
  summary: 'Call a function',
  description: '`payload` is the pickle of `((args…), {kwargs})`, encoded alike.',
  headers: KEY_HEADERS,
  body: Type.Object({ function_id: Type.String(), payload: Type.String() }, { title: 'ClassicCall' }),
  answers: { 200: { description: 'Queued', body: Executed }, 201: { description: CREATED, body: Executed } },
  errors: [
    'invalid_id',
    'invalid_base64',
    'pickle_for_javascript',
    'function_not_found',
    'args_too_large',
    'idempotency_key_reused',
    'exceeds_queue',
    'queue_full',
    'rate_limited',
    'shutting_down',
  ],
  examples: [
    {
      name: 'len("hello")',
      body: { function_id: SAMPLE.classicFunctionId, payload: SAMPLE.helloArgs },
      status: 200,
      answer: { task_id: SAMPLE.newTask },
    },
  ],
});

export const classicStatus = route({
  method: 'GET',
  path: '/status/{task_id}',
  tag: 'classic',
  summary: 'How far a task is',
  description: 'QUEUED, RUNNING, COMPLETED or FAILED.',
  params: TaskParams,
  answers: {
    200: { description: 'Its status', body: Type.Object({ task_id: Id, status: Status }, { title: 'ClassicStatus' }) },
  },
  errors: ['invalid_id', 'task_not_found', 'task_expired'],
  examples: [
    {
      name: 'a waiting one',
      params: { task_id: SAMPLE.waitingTask },
      status: 200,
      answer: { task_id: SAMPLE.waitingTask, status: 'QUEUED' },
    },
  ],
});

const ResultBody = Type.Object(
  { task_id: Id, status: Status, result: Type.String({ description: "The encoded pickle, '' until the end" }) },
  { title: 'ClassicResult' },
);

export const classicResult = route({
  method: 'GET',
  path: '/result/{task_id}',
  tag: 'classic',
  summary: "Read a task's result",
  description: 'The pickled value, or the pickled exception of a task that FAILED.',
  params: TaskParams,
  answers: { 200: { description: 'Its result', body: ResultBody } },
  errors: ['invalid_id', 'task_not_found', 'task_expired'],
  examples: [
    {
      name: 'ended with 42',
      params: { task_id: SAMPLE.classicTask },
      status: 200,
      answer: { task_id: SAMPLE.classicTask, status: 'COMPLETED', result: SAMPLE.pickle42 },
    },
    {
      name: 'not yet',
      params: { task_id: SAMPLE.waitingTask },
      status: 200,
      answer: { task_id: SAMPLE.waitingTask, status: 'QUEUED', result: '' },
    },
  ],
});

export const classicResultV1 = route({ ...classicResult, path: '/api/v1/result/{task_id}' });

export const frontPage = route({
  method: 'GET',
  path: '/',
  tag: 'classic',
  summary: 'Who is here',
  description: 'JSON for programs, a page with the links for a browser.',
  open: true,
  answers: {
    200: {
      description: 'The name, the version and how the store is',
      body: Type.Object(
        {
          message: Type.String(),
          version: Type.String(),
          store: Type.Object({ ok: Type.Boolean(), version: Type.String(), detail: Type.String() }),
          docs: Type.String(),
          openapi: Type.String(),
        },
        { title: 'FrontPage' },
      ),
      media: ['text/html'],
    },
  },
  errors: [],
  examples: [
    {
      name: 'a program',
      status: 200,
      answer: {
        message: 'MPCSFaaS is running',
        version: '0.1.0',
        store: { ok: true, version: 'sqlite 3.50', detail: '' },
        docs: '/docs',
        openapi: '/openapi.json',
      },
    },
  ],
});
