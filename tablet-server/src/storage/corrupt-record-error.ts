/**
 * A stored record that is not what was written: its checksum, or its structure behind a good checksum,
 * is wrong. The replica that raises it is suspect: it must not serve, and is rebuilt from others.
 */
import { rowKeyText } from "@stele/shared/row-key.ts";

export class CorruptRecordError extends Error {
  override readonly name = "CorruptRecordError";
  readonly key: Buffer;

  constructor(key: Buffer, detail: string) {
    super(`the record of row ${JSON.stringify(rowKeyText(key))} is damaged: ${detail}`);
    this.key = key;
  }
}
