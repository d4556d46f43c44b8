import { open } from "node:fs/promises";

/** Makes renames, new entries and deletions in the directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
