// `mpcsfaas task logs [-f]`: what a call printed, and prints.
import { Option, type Command } from 'commander';
import type { AnswerOf } from '@mpcsfaas/contract';
import { Api, type ApiOptions } from '../api.ts';
import { followLogs } from '../follow-logs.ts';
import { withOptions } from '../options.ts';
import { printJson, printLine } from '../print.ts';
import { interruption, leaveQuietly } from '../process.ts';
import { visible, visibleJson } from '../visible.ts';

interface LogsOptions extends ApiOptions {
  json: boolean;
  follow: boolean;
}

type Logs = AnswerOf<'getLogs', 200>;

export function logsCommand(task: Command, id: (text: string) => string): void {
  const command = task
    .command('logs')
    .description("print a task's own output: what it wrote to stdout on stdout, to stderr on stderr")
    .argument('<id>', "the task's id", id)
    .addOption(new Option('-f, --follow', 'go on until it ends').default(false));
  withOptions(command, 'client').action(logs);
}

async function logs(id: string, options: LogsOptions): Promise<void> {
  const api = new Api(options);
  if (options.follow) return follow(api, id, options.json);
  const answer = await api.get(`/v1/tasks/${encodeURIComponent(id)}/logs`);
  const { stdout } = api.bodyOf<Logs>(answer, 'stdout');
  const { stderr } = api.bodyOf<Logs>(answer, 'stderr');
  if (options.json) return printJson(answer.body);
  for (const [stream, { text, gap_at: gap, dropped_bytes: dropped }] of [
    ['stdout', stdout],
    ['stderr', stderr],
  ] as const) {
    // The gap is told in code points.
    const characters = Array.from(text);
    write(stream, characters.slice(0, gap ?? undefined).join(''));
    if (gap === null) continue;
    tellDropped(stream, dropped);
    write(stream, characters.slice(gap).join(''));
  }
}

async function follow(api: Api, id: string, json: boolean): Promise<void> {
  const stop = new AbortController();
  // Whoever stops reading stops nothing else.
  void interruption().first.then(() => stop.abort());
  try {
    for await (const { dropped, ...log } of followLogs(api, id, stop.signal)) {
      if (json) {
        printLine(visibleJson(JSON.stringify(log)));
        continue;
      }
      if (dropped > 0) tellDropped(log.stream, dropped);
      write(log.stream, log.text);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  // What was printed is not all.
  if (stop.signal.aborted) leaveQuietly(130);
}

/** On a terminal, which it must not steer, what it would steer with is shown. */
function write(stream: 'stdout' | 'stderr', text: string): void {
  const out = process[stream];
  out.write(out.isTTY ? visible(text, '\n\t') : text);
}

function tellDropped(stream: string, bytes: number): void {
  process.stderr.write(`\n… ${bytes} bytes of ${stream} were not kept …\n`);
}
