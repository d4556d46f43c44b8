/**
 * The next turn of the event loop. Every promise callback and tick that the present turn leads to has
 * run by then, however deep their chains, as long as none of them waits for real input or output.
 */
export function nextMacrotask(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
