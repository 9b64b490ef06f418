// A source as the URL that it is imported by. In what is said to users the URL, which is the whole source in base64, gives way
// to the function's name.

const OURS = String.raw`data:text/javascript;function=([\w.-]*);base64,[\w+/=]*`;
const URL_OF_OURS = new RegExp(OURS, 'g');
/** What Node says of an import that only a file could resolve: a relative path, a package. */
const UNRESOLVED = new RegExp(String.raw`Failed to resolve module specifier "([^"]*)" from "${OURS}"[^\n]*`, 'g');

/** @param name - of word characters, dots and hyphens */
export function moduleUrl(text, name) {
  const source = `${text}\n//# sourceURL=function:${name}`;
  return `data:text/javascript;function=${name};base64,${Buffer.from(source).toString('base64')}`;
}

/** `text`, a message or a stack, in words that say what to do. */
export function readable(text) {
  return text
    .replaceAll(
      UNRESOLVED,
      "'$1' cannot be imported, for a source has the node: modules and no others: register the file with " +
        '`mpcsfaas fn register FILE`, which brings along what it imports, or send one self-contained source',
    )
    .replaceAll(URL_OF_OURS, 'function:$1');
}
