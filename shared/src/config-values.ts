/** The kinds of values that flags take, each with the words for the help text and one parse. */
import { z } from "zod";
import { LOG_LEVELS } from "./log.ts";
import type { LogLevel } from "./log.ts";
import { SERVER_NAME } from "./server-name.ts";

/** `parse` turns the text behind a flag into the value, or says what is wrong with it. */
export interface ValueKind<T> {
  /** As in `--flag <hint>`. */
  readonly hint: string;
  readonly parse: z.ZodType<T, string>;
}

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export const directory: ValueKind<string> = {
  hint: "directory",
  parse: z.string().min(1, "must not be empty"),
};

export const file: ValueKind<string> = { hint: "file", parse: directory.parse };

export const serverName: ValueKind<string> = {
  hint: "name",
  parse: z
    .string()
    .regex(SERVER_NAME, "must be 1 to 63 of a-z, 0-9 and -, with no - at its start or end"),
};

const HOST_PORT = /^(?:\[(?<ipv6>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]/\s]+)):(?<port>\d{1,5})$/;

export const listenAddress: ValueKind<ListenAddress> = {
  hint: "host:port",
  parse: z.string().transform((text, context) => {
    const groups = HOST_PORT.exec(text)?.groups;
    const port = Number(groups?.["port"]);
    const host = groups?.["ipv6"] ?? groups?.["host"];
    if (host !== undefined && port <= 65_535) return { host, port };
    context.addIssue("must be host:port, such as 127.0.0.1:7090 or [::1]:7090");
    return z.NEVER;
  }),
};

/** Scheme, host and port; without the slash that URL puts behind them. */
const serverUrl = z.string().transform((text, context) => {
  const url = URL.parse(text);
  const isBare =
    url?.pathname === "/" && url.search === "" && url.hash === "" && !text.includes("@");
  if (url !== null && isBare && /^https?:$/.test(url.protocol)) return url.origin;
  context.addIssue(`${text} is not of the form http://host:port`);
  return z.NEVER;
});

export const url: ValueKind<string> = { hint: "url", parse: serverUrl };

export const urls: ValueKind<readonly string[]> = {
  hint: "url,url,...",
  parse: z
    .string()
    .transform((text) => text.split(",").map((part) => part.trim()))
    .transform((parts) => [...new Set(parts.filter((part) => part !== ""))])
    .pipe(z.array(serverUrl)),
};

const UNITS: Readonly<Record<string, number>> = { "": 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** A size such as 64MiB; a number alone counts bytes. */
export function bytes(limits: { readonly min: number; readonly max: number }): ValueKind<number> {
  const range = `${showBytes(limits.min)} to ${showBytes(limits.max)}`;
  return {
    hint: "size",
    parse: z.string().transform((text, context) => {
      const [, digits, unit = ""] = /^(\d+)(KiB|MiB|GiB)?$/.exec(text) ?? [];
      const value = digits === undefined ? Number.NaN : Number(digits) * (UNITS[unit] ?? 1);
      if (value >= limits.min && value <= limits.max) return value;
      context.addIssue(`must be a size of ${range}, such as 64MiB`);
      return z.NEVER;
    }),
  };
}

export function showBytes(value: number): string {
  if (value === 0) return "0";
  const [unit, size] = Object.entries(UNITS).findLast(([, each]) => value % each === 0) ?? ["", 1];
  return `${value / size}${unit}`;
}

export function milliseconds(limits: {
  readonly min: number;
  readonly max: number;
}): ValueKind<number> {
  const wrong = `must be a whole number of milliseconds from ${limits.min} to ${limits.max}`;
  return {
    hint: "ms",
    parse: z
      .string()
      .regex(/^\d+$/, wrong)
      .transform(Number)
      .refine((value) => value >= limits.min && value <= limits.max, wrong),
  };
}

export function count(limits: { readonly min: number; readonly max: number }): ValueKind<number> {
  const wrong = `must be a whole number from ${limits.min} to ${limits.max}`;
  return {
    hint: "n",
    parse: z
      .string()
      .regex(/^\d+$/, wrong)
      .transform(Number)
      .refine((value) => value >= limits.min && value <= limits.max, wrong),
  };
}

export const scale: ValueKind<number> = {
  hint: "factor",
  parse: z
    .string()
    .regex(/^\d+(\.\d+)?$/, "must be a number from 0.1 to 100")
    .transform(Number)
    .refine((value) => value >= 0.1 && value <= 100, "must be a number from 0.1 to 100"),
};

export const logLevel: ValueKind<LogLevel> = {
  hint: LOG_LEVELS.join("|"),
  parse: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(", ")}`),
};

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
