/**
 * What the HTTP parser refuses never becomes a request: the answer is written to the bare socket, in
 * the same form as all others, and the connection ends.
 */
import type { Socket } from "node:net";
import type { ErrorCode } from "@stele/shared/errors.ts";
import { PROBLEM_TYPE } from "./media-types.ts";
import { problemOf } from "./problem-json.ts";

export interface ParserError {
  readonly code?: string | undefined;
}

const REASONS: Partial<Record<ErrorCode, string>> = {
  INVALID_REQUEST: "Bad Request",
  REQUEST_TIMEOUT: "Request Timeout",
  HEADERS_TOO_LARGE: "Request Header Fields Too Large",
};

/** Writes the answer; gives its status, or null when nobody is there to read it. */
export function answerClientError(
  error: ParserError,
  socket: Socket,
  requestId: string,
): number | null {
  if (error.code === "ECONNRESET" || !socket.writable || hasAnswered(socket)) {
    socket.destroy();
    return null;
  }
  const { code, detail } = refusalOf(error);
  const problem = problemOf({ code, detail }, requestId);
  const body = JSON.stringify(problem);
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${REASONS[code] ?? code}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Cache-Control: no-store",
      "Vary: Accept",
      `Stele-Request-Id: ${requestId}`,
      "Connection: close",
      "",
      body,
    ].join("\r\n"),
  );
  return problem.status;
}

/** Whether an answer to the broken request is on its way already. */
function hasAnswered(socket: Socket): boolean {
  const message: unknown = "_httpMessage" in socket ? socket._httpMessage : null;
  if (typeof message !== "object" || message === null) return false;
  return "headersSent" in message && message.headersSent === true;
}

function refusalOf(error: ParserError): { readonly code: ErrorCode; readonly detail: string } {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return { code: "HEADERS_TOO_LARGE", detail: "URL and headers are too large" };
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { code: "REQUEST_TIMEOUT", detail: "the request did not arrive in time" };
    default:
      return { code: "INVALID_REQUEST", detail: "the bytes received are no HTTP request" };
  }
}
