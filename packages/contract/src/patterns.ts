// The forms that texts must have, each with the words in which a person is told of it.

export const ID_PATTERN = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$';
/**
 * A name that were a UUID could never be found again: it would be read as an id. Nor could `.` and `..`: whoever reads an
 * address takes them away.
 */
export const NAME_PATTERN =
  '^(?!\\.{1,2}$)(?![0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$)[A-Za-z0-9._-]{1,128}$';
/** What can name a function: all but the names that none can have and an address cannot hold. */
export const REF_PATTERN = '^(?!\\.{1,2}(@|$))';
export const PYTHON_PATTERN = '^(3\\.[0-9]{1,3}(\\.[0-9]{1,3})?)?$';
export const TRACEPARENT_PATTERN = '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$';

/** Reads after the name of a field. */
export const PATTERN_WORDS: Readonly<Record<string, string>> = {
  [ID_PATTERN]: 'must be a UUID such as 0198c5f2-7a1e-7c3b-9d4e-2f6a8b0c1d3e',
  [NAME_PATTERN]: 'must be 1 to 128 letters of A-Z and a-z, digits, ".", "_" or "-", and no UUID, "." or ".."',
  [REF_PATTERN]: 'must be an id, a name or name@version; "." and ".." are no names',
  [PYTHON_PATTERN]: 'must be a version of Python 3 such as 3.11',
  [TRACEPARENT_PATTERN]: 'must be a W3C trace context such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
};
