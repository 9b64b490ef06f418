// Makes packages/client/src/contract.ts: the contract's bodies as plain interfaces, its error codes and bounds, so that
// the client needs nothing at run time. Without an argument it writes the file; the client's test compares.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format, resolveConfig } from 'prettier';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
export const target = join(root, 'packages/client/src/contract.ts');

const contract = (file) => import(pathToFileURL(join(root, 'packages/contract/src', file)).href);

/** What callers write is camelCase and takes dates; what the service answers is told as it is, these of its parts too. */
const WRITTEN = new Set(['TaskOptions', 'RetryPolicy']);
/** The client speaks JSON alone. */
const LEFT_OUT = new Set(['result_as']);

export async function contractInterfaces() {
  const { ERRORS, MAX_BATCH_TASKS, MAX_RESULT_IDS, MAX_WAIT_MS, Problem, ROUTES, Task, TaskOptions, TaskResult } =
    await contract('index.ts');
  const { LogEvent } = await contract('routes/tasks.ts');
  const { TaskEnded } = await contract('routes/events.ts');
  const answer = (route, status = 200) => route.answers[status].body;
  const found = new Map();
  typeOf(TaskOptions, found, true);
  const ofTasksAlone = Object.keys(TaskOptions.properties).filter(
    (name) => !(name in ROUTES.registerFunction.body.properties.options.properties),
  );
  for (const schema of [
    ...[
      answer(ROUTES.registerFunction),
      Task,
      TaskResult,
      answer(ROUTES.readResults),
      answer(ROUTES.getLogs),
      LogEvent,
      TaskEnded,
      Problem,
    ],
    ...[answer(ROUTES.cancelTasks), answer(ROUTES.listWorkers), answer(ROUTES.getStats), answer(ROUTES.getVersion)],
  ])
    typeOf(schema, found, false);
  const classes = classesOf(ERRORS);
  const names = [...new Set(classes.map(([, name]) => name))];
  const text = `// Made from packages/contract by scripts/contract-interfaces.mjs: change that, and run it again.

/** @internal */
export const MAX_BATCH_TASKS = ${MAX_BATCH_TASKS};
/** @internal */
export const MAX_RESULT_IDS = ${MAX_RESULT_IDS};
/** @internal */
export const MAX_WAIT_MS = ${MAX_WAIT_MS};

/**
 * Which class a problem is thrown as: by its code where that is said here, else by its status; one that is not said is a
 * BadRequest, from 500 on a ServiceFault. @internal
 */
export const CLASS_OF: Record<string | number, NamedClass> = {
${classes
  .filter(([word, name]) => name !== (word >= 500 ? 'ServiceFault' : word >= 400 ? 'BadRequest' : ''))
  .map(([word, name]) => `  ${word}: '${name}',`)
  .join('\n')}
};

/** @internal */
export type NamedClass = ${names.map((name) => `'${name}'`).join(' | ')};

/** What a function says for all of its tasks */
export type FunctionOptions = Omit<TaskOptions, ${ofTasksAlone.map((name) => `'${camel(name)}'`).join(' | ')}>;

${[...found.values()].join('\n\n')}
`;
  return format(text, { ...(await resolveConfig(target)), parser: 'typescript' });
}

/** What `/v1/call` alone answers: the client reads ends as results of tasks, and meets no problem of theirs. */
const OF_CALLS = new Set(['RemoteError', 'TaskCanceled', 'WorkerLost', 'TaskTimeout', 'NoWorker']);

/** Each status with the class of most of its codes, of the first where two have as many, and the codes that have another. */
function classesOf(errors) {
  const rows = Object.entries(errors).filter(([, { sdk }]) => !OF_CALLS.has(sdk));
  const statuses = Map.groupBy(rows, ([, { status }]) => status);
  return [...statuses].flatMap(([status, of]) => {
    const counts = [...Map.groupBy(of, ([, { sdk }]) => sdk)].sort(([, a], [, b]) => b.length - a.length);
    const [[most]] = counts;
    return [[status, most], ...of.filter(([, { sdk }]) => sdk !== most).map(([code, { sdk }]) => [code, sdk])];
  });
}

/** The type of a schema; a named one is declared once, in `found`. */
function typeOf(schema, found, written) {
  const { title } = schema;
  // Told as they were written, in the service's spelling: that of `TaskOptions` and no other is to be learnt.
  if (title === 'FunctionOptions') return 'Record<string, unknown>';
  if (title !== undefined && schema.type === 'object' && WRITTEN.has(title) === written) {
    const name = title === 'Function' ? 'FunctionRecord' : title;
    if (!found.has(name)) {
      found.set(name, '');
      const body = objectOf(schema, found, written);
      found.set(name, `${comment(schema)}export interface ${name} ${body}`);
    }
    return name;
  }
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => typeOf(one, found, written)).join(' | ');
  switch (schema.type) {
    case 'string':
      return written && schema.format === 'date-time' ? 'Date | string' : 'string';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
    case 'null':
      return schema.type;
    case 'array':
      return `(${typeOf(schema.items, found, written)})[]`;
    case 'object': {
      const [inner] = Object.values(schema.patternProperties ?? {});
      return inner === undefined
        ? objectOf(schema, found, written)
        : `Record<string, ${typeOf(inner, found, written)}>`;
    }
    default:
      return 'unknown';
  }
}

function objectOf({ properties, required = [] }, found, written) {
  const fields = Object.entries(properties)
    .filter(([name]) => !(written && LEFT_OUT.has(name)))
    .map(([name, schema]) => {
      const optional = !required.includes(name);
      const type = typeOf(schema, found, written);
      const shown = written ? camel(name) : name;
      return `${written ? comment(schema) : ''}${shown}${optional ? '?' : ''}: ${type}${optional && type !== 'unknown' ? ' | undefined' : ''};`;
    });
  return `{\n${fields.join('\n')}\n}`;
}

function camel(name) {
  return name.replaceAll(/_(\w)/g, (_whole, letter) => letter.toUpperCase());
}

function comment({ description }) {
  return description === undefined ? '' : `/** ${description} */\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, await contractInterfaces());
