// Which labels of a worker satisfy which demand. One rule for who claims and for who explains a wait. Pure.

/** Has a worker with the labels `had` all that are `wanted`? `key=value` is exact, `key` alone is met by any value. */
export function hasLabels(had: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((label) =>
    had.some((one) => one === label || (!label.includes('=') && one.startsWith(`${label}=`))),
  );
}
