/** The secret that the servers of a cluster show each other. */
import { readFile } from "node:fs/promises";
import { DataDirectoryError } from "./data-directory.adapter.ts";

/** Null: none is configured. Throws `DataDirectoryError` when the file cannot be read or is empty. */
export async function readClusterToken(path: string | null): Promise<string | null> {
  if (path === null) return null;
  const token = await readFile(path, "utf8").then(
    (text) => text.trim(),
    (error: unknown) => {
      throw new DataDirectoryError(`--cluster-token-file ${path} cannot be read: ${String(error)}`);
    },
  );
  if (token === "") throw new DataDirectoryError(`--cluster-token-file ${path} is empty.`);
  return token;
}
