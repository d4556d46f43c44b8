/** Row keys of a history as the command line takes them, so that a key that is told can be looked up. */
import { quote } from "../cli/curl-line.ts";
import { printKey } from "../cli/key-text.ts";

/** @param key one character a byte, as histories hold it */
export function rowName(key: string): string {
  return printKey(Buffer.from(key, "latin1"));
}

/** Of a row or another object, for text: to be pasted into a shell, bare where nothing needs quotes. */
export function quotedName(name: string): string {
  return quote(name);
}
