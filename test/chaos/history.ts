// Everything that is known of one task, in the order of time: for whoever has to find out why it went wrong.
import type { Evidence } from './check.ts';

export function history(label: number | undefined, { ledger, reported, books }: Evidence): string[] {
  const entry = label === undefined ? undefined : ledger.entries.get(label);
  if (label === undefined || entry === undefined) return [];
  const first = entry.sentAt;
  const last = Math.max(
    entry.reads.at(-1)?.at ?? first,
    reported.get(label)?.seen ?? first,
    entry.cancel?.answeredAt ?? first,
  );
  const events: [number, string][] = [
    [entry.sentAt, `submitted: ${entry.call}${entry.key === undefined ? '' : ` under the key ${entry.key}`}`],
    ...entry.acks.map(({ id, at }): [number, string] => [at, `acknowledged as ${id}`]),
    ...(reported.get(label)?.starts ?? []).map(({ at, pid, worker }): [number, string] => [
      at,
      `user code started in ${worker}, process ${pid}`,
    ]),
    ...(reported.get(label)?.ends ?? []).map((at): [number, string] => [at, 'user code came to its end']),
    ...entry.reads.map(({ at, status, kind, digest, wrong }): [number, string] => [
      at,
      `read: ${status} ${kind} ${digest} ${wrong}`,
    ]),
    ...ledger.faults
      .filter(({ from, to }) => from <= last && to >= first - 5000)
      .map(({ fault, target, from, to }): [number, string] => [
        from,
        `fault: ${fault} ${target}, for ${Math.round(to - from)} ms`,
      ]),
  ];
  if (entry.cancel !== undefined) {
    events.push(
      [entry.cancel.sentAt, 'cancel sent'],
      [entry.cancel.answeredAt, `cancel answered: ${entry.cancel.answer}`],
    );
  }
  const tasks = [...books.tasks.values()].filter((task) => task.id === entry.acks[0]?.id || task.label === label);
  return [
    ...events.sort(([a], [b]) => a - b).map(([at, what]) => `${((at - first) / 1000).toFixed(3)} s: ${what}`),
    ...entry.doubts.map((word) => `a submission was answered: ${word}`),
    ...tasks.flatMap((task) => [
      `record ${task.id}: ${task.status} ${task.kind}, attempt ${task.attempt}, losses ${task.losses}, worker ${task.worker}`,
      ...task.history.map((line) => `  ${line}`),
    ]),
  ];
}
