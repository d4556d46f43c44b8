// Asks a process whether it is ready to serve.
import { get } from "node:http";

export type Readiness =
  | { readonly kind: "ready" }
  | { readonly kind: "not-ready"; readonly detail: string };

const TIMEOUT_MS = 1000;
const BODY_CHARS_MAX = 10_000;

/** Settles within a second; never rejects. */
export function probeReadiness(url: string): Promise<Readiness> {
  return new Promise((resolve) => {
    const notReady = (detail: string): void => resolve({ kind: "not-ready", detail });
    // No agent: an idle connection kept open would only delay the server's own stop.
    const request = get(`${url}/readyz`, { agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        if (body.length < BODY_CHARS_MAX) body += text;
      });
      response.on("error", () => notReady("the answer was cut"));
      response.on("end", () => {
        if (response.statusCode === 200) resolve({ kind: "ready" });
        else notReady(detailOf(body) ?? `status ${response.statusCode}`);
      });
    });
    const timer = setTimeout(() => request.destroy(), TIMEOUT_MS);
    request.on("error", () => notReady("not answering yet"));
    request.on("close", () => {
      clearTimeout(timer);
      notReady("no answer");
    });
  });
}

/** Servers give a reason, front-ends a problem. */
function detailOf(body: string): string | null {
  try {
    const { reason, detail } = JSON.parse(body) as { reason?: unknown; detail?: unknown };
    const said = reason ?? detail;
    return typeof said === "string" ? said : null;
  } catch {
    return null;
  }
}
