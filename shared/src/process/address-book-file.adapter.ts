/**
 * An address book that outlives its process. It only saves finding the cluster anew, so a damaged file
 * is left behind with a warning.
 */
import type { Log } from "../log.ts";
import { addressEntries } from "../wire/address-entry.ts";
import { AddressBook } from "./address-book.ts";
import type { DurableAddressBook } from "./address-book.ts";
import { DamagedFileError, DurableJsonFile } from "./durable-json-file.adapter.ts";

export async function openAddressBook(path: string, log: Log): Promise<DurableAddressBook> {
  const file = new DurableJsonFile(path, addressEntries);
  const book = new AddressBook();
  try {
    book.merge((await file.read()) ?? []);
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error;
    log.warn({ error }, "the address book is damaged; starting with an empty one");
  }
  return {
    book,
    merge: async (entries) => {
      if (book.merge(entries)) await file.write(book.entries());
    },
  };
}
