// /v1/events and /v1/tasks/{id}/logs: what is told as it happens.
import { cursorOf } from '../../tasks/cursor.ts';
import type { FeedFilter, FeedItem } from '../../tasks/feed.ts';
import { followLogs, keptStream } from '../../tasks/logs.ts';
import type { LogItem } from '../../tasks/logs.ts';
import { resultText } from '../result-writer.ts';
import { sendEvents } from '../event-stream.ts';
import type { Handlers } from '../parts.ts';

export const streamHandlers: Handlers<'streamEvents' | 'getLogs'> = {
  async streamEvents({ query, tenant, request, reply, signal }, { functions, feed }) {
    const filter: FeedFilter = {};
    if (query.group !== undefined) filter.group = query.group;
    if (query.function !== undefined) filter.functionId = (await functions.find(tenant, query.function)).id;
    if (query.task_id !== undefined) filter.ids = new Set(query.task_id.map((id) => id.toLowerCase()));
    const last = request.headers['last-event-id'];
    const after = cursorOf('events', typeof last === 'string' ? last : query.after);
    const results = query.results === true;
    const items = feed.follow({ tenant, after, filter, results, signal: signal() });
    return sendEvents(
      reply,
      asTexts(items, (page) => page.map((item) => eventText(item, results)).join('')),
    );
  },

  async getLogs({ params, query, tenant, reply, signal }, { reader, store, waits }) {
    const id = reader.id(params.task_id);
    if (query.follow === true) {
      await reader.state(tenant, id);
      return sendEvents(reply, asTexts(followLogs(store, waits, tenant, id, signal()), logText));
    }
    const record = await reader.record(tenant, id);
    const kept = await store.logs(tenant, id);
    return {
      task_id: id,
      // One that printed nothing has left none.
      attempt: kept?.attempt ?? record.attempt,
      stdout: keptStream(kept?.logs, 'stdout'),
      stderr: keptStream(kept?.logs, 'stderr'),
    };
  },
};

async function* asTexts<Item>(items: AsyncIterable<Item>, textOf: (item: Item) => string): AsyncGenerator<string> {
  for await (const item of items) yield textOf(item);
}

function eventText(item: FeedItem, results: boolean): string {
  switch (item.is) {
    case 'end': {
      const { id, state, kind, group } = item.end;
      const data = JSON.stringify({ task_id: id, status: state, kind: kind === '' ? null : kind, group });
      const more = results
        ? `${data.slice(0, -1)},"result":${item.result === undefined ? 'null' : resultText(item.result)}}`
        : data;
      return `id: ${item.cursor}\nevent: task.ended\ndata: ${more}\n\n`;
    }
    case 'reset':
      return `id: ${item.cursor}\nevent: reset\ndata: {}\n\n`;
    case 'quiet':
      // An id without data moves the reader's place on without an event.
      return `: here\nid: ${item.cursor}\n\n`;
  }
}

function logText(item: LogItem): string {
  switch (item.is) {
    case 'printed': {
      const { attempt, stream, offset, text } = item;
      return `event: log\ndata: ${JSON.stringify({ attempt, stream, offset, text })}\n\n`;
    }
    case 'end':
      return 'event: end\ndata: {}\n\n';
    case 'quiet':
      return ': here\n\n';
  }
}
