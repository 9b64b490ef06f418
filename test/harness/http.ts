// A small HTTP client for tests: JSON in, JSON out, every status told.

export interface Reply<T = unknown> {
  status: number;
  body: T;
  headers: Headers;
}

export async function get<T = Record<string, unknown>>(
  url: string,
  headers: Record<string, string> = {},
): Promise<Reply<T>> {
  return reply(await fetch(url, { headers }));
}

export async function post<T = Record<string, unknown>>(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Reply<T>> {
  return reply(
    await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    }),
  );
}

async function reply<T>(response: Response): Promise<Reply<T>> {
  const text = await response.text();
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Not everything is JSON: metrics, pages.
  }
  return { status: response.status, body: body as T, headers: response.headers };
}

/** Registers Python (or JavaScript) source and answers its id. */
export async function registerSource(
  url: string,
  name: string,
  source: string,
  runtime = 'python',
  options = {},
  entry?: string,
): Promise<string> {
  const { status, body } = await post<{ function_id: string }>(`${url}/v1/functions`, {
    name,
    runtime,
    source,
    options,
    ...(entry === undefined ? {} : { entry }),
  });
  if (status >= 300) throw new Error(`registering ${name}: ${status} ${JSON.stringify(body)}`);
  return body.function_id;
}

export interface Ended {
  task_id: string;
  status: 'COMPLETED' | 'FAILED' | 'CANCELED';
  value?: unknown;
  error: { kind: string; type: string; message: string } | null;
}

/** What the history tells of one attempt. */
export interface Attempt {
  attempt: number;
  reason: string;
  message: string;
  worker: string | null;
}
/** What most tests look at in a task's record. */
export interface TaskRecord {
  status: string;
  attempt: number;
  losses: number;
  attempts: Attempt[];
  started_at: string | null;
  error: Ended['error'];
}

export async function recordOf(url: string, id: string): Promise<TaskRecord> {
  return (await get<TaskRecord>(`${url}/v1/tasks/${id}`)).body;
}

/** A task that was acknowledged and that nobody knows any more. */
export class Vanished extends Error {}

/** Waits for the ends of many tasks. Polls by long waits: what has ended comes at once. Throws Vanished. */
export async function endsOf(url: string, ids: readonly string[]): Promise<Map<string, Ended>> {
  const ended = new Map<string, Ended>();
  let open = [...ids];
  while (open.length > 0) {
    const { status, body } = await post<{ results: Ended[]; unknown: string[] }>(`${url}/v1/results`, {
      task_ids: open.slice(0, 1000),
      wait_ms: 10_000,
      wait_for: 'all',
    });
    if (status >= 500) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    if (status !== 200) throw new Error(`/v1/results: ${status} ${JSON.stringify(body)}`);
    if (body.unknown.length > 0) throw new Vanished(`unknown to ${url}: ${body.unknown.join(', ')}`);
    for (const item of body.results) ended.set(item.task_id, item);
    open = open.filter((id) => !ended.has(id));
  }
  return ended;
}
