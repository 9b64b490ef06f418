// Completion for fish.
import type { Place, Value } from './places.ts';

export function fishCompletion(name: string, places: readonly Place[]): string {
  const lines = places.flatMap(({ path, commands, flags, argument }) => {
    const where = `complete -c ${name} -n ${quoted(`test (__${name}_at) = "${path}"`)}`;
    return [
      ...commands.map((one) => `${where} -a ${quoted(one.name)} -d ${quoted(one.description)}`),
      ...(argument.is === 'words' ? [`${where} -a ${quoted(argument.words.join(' '))}`] : []),
      ...(argument.is === 'file' ? [`${where} -F`] : []),
      ...flags.map(({ long, short, description, value }) => {
        const flag = `${short === undefined ? '' : ` -s ${short.slice(1)}`} -l ${long.slice(2)}`;
        return `${where}${flag}${value === undefined ? '' : ` ${act(value)}`} -d ${quoted(description)}`;
      }),
    ];
  });
  return `# Completion of ${name} for fish: ${name} completion fish | source
function __${name}_at
    set -l at ${name}
    for word in (commandline -opc)[2..]
        switch "$at $word"
            case ${places
              .slice(1)
              .map(({ path }) => quoted(path))
              .join(' ')}
                set at "$at $word"
        end
    end
    echo $at
end
complete -c ${name} -f
${lines.join('\n')}
`;
}

function act(value: Value): string {
  if (value.is === 'words') return `-x -a ${quoted(value.words.join(' '))}`;
  return value.is === 'anything' ? '-x' : '-r -F';
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
