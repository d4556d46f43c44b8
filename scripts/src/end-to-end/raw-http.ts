// One HTTP exchange over a bare socket, for octets that no HTTP library lets through.
import { once } from "node:events";
import { connect } from "node:net";
import type { Reply } from "./rest.ts";

export interface RawRequest {
  /** Everything up to the body; CR LF is added to each line, and the empty line behind the last. */
  readonly head: readonly string[];
  readonly body?: Buffer;
  /** Default 10 s. */
  readonly withinMs?: number;
}

/** `head` is sent as latin1, one octet a character. The request must ask for `Connection: close`. */
export async function exchange(url: string, request: RawRequest): Promise<Reply> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const late = setTimeout(
    () => socket.destroy(new Error(`no whole answer: ${request.head[0]}`)),
    request.withinMs ?? 10_000,
  );
  try {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => void chunks.push(chunk));
    const ended = once(socket, "end");
    socket.write(Buffer.from(`${request.head.join("\r\n")}\r\n\r\n`, "latin1"));
    if (request.body !== undefined) socket.write(request.body);
    await ended;
    return parseReply(Buffer.concat(chunks));
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}

function parseReply(all: Buffer): Reply {
  const split = all.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = all.toString("latin1", 0, split).split("\r\n");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const rest = all.subarray(split + 4);
  const bytes = headers["transfer-encoding"] === "chunked" ? unchunked(rest) : rest;
  const text = bytes.toString("utf8");
  const status = Number(statusLine.split(" ")[1]);
  return { status, headers, bytes, text, json: <T>() => JSON.parse(text) as T };
}

function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    const length = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (!(length > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + length));
    at = lineEnd + 2 + length + 2;
  }
}
