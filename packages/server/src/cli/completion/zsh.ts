// Completion for zsh.
import type { Place, Value } from './places.ts';

export function zshCompletion(name: string, places: readonly Place[]): string {
  const below = places.slice(1).map(({ path }) => quoted(path));
  const values = places.flatMap(({ path, flags }) =>
    flags.flatMap(({ long, short, value }) => {
      if (value === undefined) return [];
      const words = [long, short].flatMap((flag) => (flag === undefined ? [] : [quoted(`${path} ${flag}`)]));
      return [`    ${words.join(' | ')}) ${act(value)}; return ;;`];
    }),
  );
  const entries = places.map(({ path, commands, flags, argument }) => {
    const words = [
      ...commands.map((one) => [one.name, one.description]),
      ...(argument.is === 'words' ? argument.words.map((word) => [word, '']) : []),
    ];
    const described = words.map(([word = '', told = '']) => quoted(told === '' ? word : `${word}:${told}`));
    const options = flags.map(({ long, description }) => quoted(`${long}:${description}`));
    return `    ${quoted(path)}) ${argument.is === 'file' ? 'files=1; ' : ''}entries=(${described.join(' ')}); options=(${options.join(' ')}) ;;`;
  });
  return `#compdef ${name}
# Completion of ${name} for zsh: source <(${name} completion zsh), after compinit
_${name}() {
  local at=${name} files='' word prev="\${words[CURRENT-1]}"
  local -a entries options
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
    (${below.join(' | ')}) at="$at $word" ;;
    esac
  done
  case "$at $prev" in
${values.map((line) => line.replace(/^ {4}/, '    (')).join('\n')}
  esac
  case "$at" in
${entries.map((line) => line.replace(/^ {4}/, '    (')).join('\n')}
  esac
  if [[ "$PREFIX" == -* ]]; then
    _describe -o option options
  else
    (( $#entries )) && _describe command entries
    [[ -n "$files" ]] && _files
  fi
}
compdef _${name} ${name}
`;

  function act(value: Value): string {
    if (value.is === 'words') return `compadd -- ${value.words.map(quoted).join(' ')}`;
    if (value.is === 'anything') return ':';
    return value.is === 'file' ? '_files' : '_files -/';
  }
}

/** A colon parts a word from what is told of it: those of the text itself are kept. */
function quoted(text: string): string {
  const [word = '', ...rest] = text.split(':');
  const whole = rest.length === 0 ? word : `${word}:${rest.join('\\:')}`;
  return `'${whole.replaceAll("'", "'\\''")}'`;
}
