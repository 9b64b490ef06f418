// `mpcsfaas task result ID`: waits for a task's end and prints its value.
import { Option, type Command } from 'commander';
import { Api, type ApiOptions } from '../api.ts';
import { withExamples } from '../help.ts';
import { withOptions } from '../options.ts';
import { conclude, look, lookAgain } from '../task-end.ts';
import { duration } from '../units.ts';

interface ResultOptions extends ApiOptions {
  json: boolean;
  wait: number;
  traceback: boolean;
}

/** `id` reads the argument. */
export function resultCommand(parent: Command, id: (text: string) => string): void {
  const command = parent
    .command('result')
    .description("wait for a task's end and print its value")
    .argument('<id>', "the task's id", id)
    .addOption(
      new Option('--wait <time>', 'how long to wait, such as 90s or 10m').argParser(duration).default(60_000, '60s'),
    )
    .addOption(new Option('--traceback', "after the sentence of a failure, the function's traceback").default(false));
  withExamples(
    withOptions(command, 'client').action(result),
    'mpcsfaas task result 019f8a3c-0d00-7000-8000-5f4dcc3b5aa7 --wait 10m',
  );
}

async function result(id: string, options: ResultOptions): Promise<void> {
  const api = new Api(options);
  const until = performance.now() + options.wait;
  // Whether anybody is there is told at once; what waits from then on is told with the task's id.
  let end = await look(api, id, performance.now());
  while (end.is === 'open' && performance.now() < until) end = await lookAgain(api, id, until);
  const status = end.is === 'open' ? end.status : '';
  conclude(id, end, options, `Task ${id} has not ended yet, it is ${status}: ask again, or longer with --wait.`);
}
