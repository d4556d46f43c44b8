// A request as a curl command line that does the same.
export interface SpelledRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Text of the body, or the file it comes from. */
  readonly body?: { readonly text: string } | { readonly file: string } | undefined;
}

export function curlLine({ method, url, headers, body }: SpelledRequest): string {
  const parts = ["curl", "-sS", "--path-as-is"];
  if (method !== "GET") parts.push("-X", method);
  parts.push(quote(url));
  for (const [name, value] of Object.entries(headers)) parts.push("-H", quote(`${name}: ${value}`));
  if (body !== undefined && "file" in body) parts.push("--data-binary", quote(`@${body.file}`));
  else if (body !== undefined) parts.push("--data-binary", quote(body.text));
  return parts.join(" ");
}

/** For a POSIX shell; bare where nothing needs it. */
export function quote(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}
