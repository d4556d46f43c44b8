/**
 * Row keys and columns in paths are percent-encoded octets, not text, and no path is ever rewritten.
 *
 * The router decodes paths as UTF-8 text and refuses what is not, so it is shown no escapes of ours:
 * `routableUrl` escapes the escapes of the key and column segments (`%FF` becomes `%25FF`), the router
 * hands them over as they came, and `octetsOf` decodes them.
 *
 * P1. Only whole segments match: dot segments are ordinary text, so `rows/..` is the key "..".
 * P2. Escapes in the other segments mean their characters, but never a slash.
 */
import { decodeBase64 } from "./bytes-json.ts";

/** How keys are spelled in a URL: `?enc=`. */
export type KeyEncoding = "octets" | "b64" | "hex";

const HEX_PAIR = /^(?:[0-9A-Fa-f]{2})*$/;
const ESCAPE = /%([0-9A-Fa-f]{2})/g;
/** A percent sign that begins no escape. */
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const NEEDS_REWRITE = /[%#]/;

/** RFC 9112 section 3.2.2: a server takes the absolute form, too. */
const AUTHORITY = /^https?:\/\/[^/?#]*/i;

/** The URL that the router is given for the one that came. */
export function routableUrl(requestTarget: string): string {
  const isAbsolute = !requestTarget.startsWith("/");
  const url = isAbsolute ? requestTarget.replace(AUTHORITY, "") : requestTarget;
  if (!NEEDS_REWRITE.test(url)) return url;
  const queryAt = url.indexOf("?");
  const path = queryAt === -1 ? url : url.slice(0, queryAt);
  if (!NEEDS_REWRITE.test(path)) return url;
  const segments = path.split("/");
  const isTablePath = segments[1] === "v1" && segments[2] === "tables";
  const routable = segments
    .map((segment, index) =>
      isTablePath && (index === 5 || index === 7)
        ? segment.replaceAll("%", "%25").replaceAll("#", "%2523")
        : routableSegment(segment),
    )
    .join("/");
  return queryAt === -1 ? routable : routable + url.slice(queryAt);
}

/** A segment that is text: its characters, escaped again where the router would read more into them. */
function routableSegment(segment: string): string {
  try {
    return encodeURIComponent(decodeURIComponent(segment)).replaceAll("%3A", ":");
  } catch {
    // Not UTF-8: no path or table is named so, and it must stay unlike any that is.
    return segment.replaceAll("%", "%25").replaceAll("#", "%2523");
  }
}

/** The octets of a percent-encoded text; null: a percent sign without two hexadecimal digits. */
export function octetsOf(text: string): Buffer | null {
  if (!text.includes("%")) return Buffer.from(text, "latin1");
  if (BROKEN_ESCAPE.test(text)) return null;
  const octets = text.replace(ESCAPE, (_match, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(octets, "latin1");
}

/** A key as its octets spell it; null: not the encoding. */
export function decodeKey(octets: Buffer, encoding: KeyEncoding): Buffer | null {
  if (encoding === "octets") return octets;
  const text = octets.toString("latin1");
  if (encoding === "hex") return HEX_PAIR.test(text) ? Buffer.from(text, "hex") : null;
  // In a query "+" has become a space, which no base64 holds.
  return decodeBase64(text.replaceAll(" ", "+"));
}
