// `mpcsfaas completion SHELL`: prints what makes a shell complete our commands.
import { Argument, type Command } from 'commander';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { placesOf } from '../completion/places.ts';
import { withExamples } from '../help.ts';
import { zshCompletion } from '../completion/zsh.ts';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

export function completionCommand(parent: Command): void {
  const command = parent
    .command('completion')
    .description('print what makes a shell complete these commands')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SHELLS)))
    .action((shell: keyof typeof SHELLS) => {
      process.stdout.write(SHELLS[shell](parent.name(), placesOf(parent)));
    });
  withExamples(
    command,
    'eval "$(mpcsfaas completion bash)"          # in ~/.bashrc',
    'source <(mpcsfaas completion zsh)           # in ~/.zshrc, after compinit',
    'mpcsfaas completion fish | source           # in ~/.config/fish/config.fish',
  );
}
