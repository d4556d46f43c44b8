/**
 * The lines of a request body, as they arrive.
 *
 * L1. Memory is bounded: a line is at most 12 MiB, and nothing is read while the caller works.
 * L2. A client that sends nothing for five minutes ends the body with REQUEST_TIMEOUT.
 */
import type { IncomingMessage } from "node:http";
import type { Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { LIMITS } from "./limits.ts";

const IDLE_WRITER_MS = 300_000;
const NEWLINE = 0x0a;

/** Complete lines without their ends, in batches as they arrive; the last may lack its newline. */
export async function* lineBatches(
  raw: IncomingMessage,
  clock: Clock,
): AsyncGenerator<readonly Buffer[]> {
  const chunks = raw.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  let begun: Buffer[] = [];
  let begunBytes = 0;
  try {
    for (;;) {
      const chunk = await nextChunk(chunks, clock);
      if (chunk === null) break;
      const lines: Buffer[] = [];
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        const tail = chunk.subarray(start, end);
        checkLength(begunBytes + tail.length);
        lines.push(begun.length === 0 ? tail : Buffer.concat([...begun, tail]));
        begun = [];
        begunBytes = 0;
        start = end + 1;
      }
      if (start < chunk.length) {
        begun.push(chunk.subarray(start));
        begunBytes += chunk.length - start;
        checkLength(begunBytes);
      }
      yield lines;
    }
    if (begunBytes > 0) yield [Buffer.concat(begun)];
  } finally {
    await chunks.return?.();
  }
}

function checkLength(bytes: number): void {
  if (bytes <= LIMITS.ndjsonLineBytes) return;
  const detail = `a line is longer than ${LIMITS.ndjsonLineBytes} bytes`;
  throw new DatabaseError({ code: "TOO_LARGE", detail });
}

/** Null: the body ended. */
async function nextChunk(chunks: AsyncIterator<Buffer>, clock: Clock): Promise<Buffer | null> {
  const chunk = chunks.next();
  return new Promise((resolve, reject) => {
    const cancel = clock.after(IDLE_WRITER_MS, () =>
      reject(
        new DatabaseError({
          code: "REQUEST_TIMEOUT",
          detail: "nothing of the body arrived for five minutes",
        }),
      ),
    );
    chunk.then(
      (result) => {
        cancel();
        resolve(result.done === true ? null : result.value);
      },
      (error: unknown) => {
        cancel();
        const detail = "the body ended too early";
        reject(new DatabaseError({ code: "INVALID_REQUEST", detail }, error));
      },
    );
  });
}
