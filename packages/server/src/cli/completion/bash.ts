// Completion for bash.
import type { Place, Value } from './places.ts';

export function bashCompletion(name: string, places: readonly Place[]): string {
  const below = places.slice(1).map(({ path }) => quoted(path));
  const values = places.flatMap(({ path, flags }) =>
    flags.flatMap(({ long, short, value }) => {
      if (value === undefined) return [];
      const words = [long, short].flatMap((flag) => (flag === undefined ? [] : [quoted(`${path} ${flag}`)]));
      return [`    ${words.join(' | ')}) ${act(value)}; return ;;`];
    }),
  );
  const words = places.map(({ path, commands, flags, argument }) => {
    const all = [
      ...commands.map((one) => one.name),
      ...(argument.is === 'words' ? argument.words : []),
      ...flags.map(({ long }) => long),
    ];
    return `    ${quoted(path)}) ${argument.is === 'file' ? 'files=1; ' : ''}words=${quoted(all.join(' '))} ;;`;
  });
  return `# Completion of ${name} for bash: eval "$(${name} completion bash)"
_${name}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" at=${name} words='' files='' word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
    ${below.join(' | ')}) at="$at $word" ;;
    esac
  done
  case "$at $prev" in
${values.join('\n')}
  esac
  case "$at" in
${words.join('\n')}
  esac
  if [[ -n $files && $cur != -* ]]; then _${name}_paths -f; else _${name}_words "$words"; fi
}
_${name}_words() { _${name}_offer < <(compgen -W "$1" -- "$cur"); }
_${name}_paths() { compopt -o filenames 2>/dev/null; _${name}_offer < <(compgen "$1" -- "$cur"); }
# A line is a word, with its blanks. The bash of macOS, 3.2, has no mapfile, and no compopt: there all count as paths.
_${name}_offer() { while IFS= read -r word; do COMPREPLY+=("$word"); done; }
if type compopt >/dev/null 2>&1; then complete -F _${name} ${name}; else complete -o filenames -F _${name} ${name}; fi
`;

  function act(value: Value): string {
    if (value.is === 'words') return `_${name}_words ${quoted(value.words.join(' '))}`;
    if (value.is === 'anything') return ':';
    return `_${name}_paths ${value.is === 'file' ? '-f' : '-d'}`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
