// Where the REST API is: --url, STELE_URL, or the default of a local cluster.
import { usageError } from "./cli-error.ts";

export interface RestAddress {
  /** Scheme, host, port. */
  readonly origin: string;
  /** Begins with a slash, ends without: `/v1`. */
  readonly basePath: string;
}

const DEFAULT_URL = "http://127.0.0.1:7070";

/** With or without `/v1` at the end. */
export function restAddress(flag: string | undefined, variable: string | undefined): RestAddress {
  const [text, source] =
    flag !== undefined
      ? [flag, "--url"]
      : [variable === undefined || variable === "" ? DEFAULT_URL : variable, "STELE_URL"];
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") {
    throw usageError(`${source} is not an HTTP URL: ${text}`, `For example ${DEFAULT_URL}`);
  }
  const path = url.pathname.replace(/\/+$/, "");
  return { origin: url.origin, basePath: path.endsWith("/v1") ? path : `${path}/v1` };
}
