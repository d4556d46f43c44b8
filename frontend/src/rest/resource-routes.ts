/** The calls on one resource: a read by GET and HEAD, and writes that all take the same query. */
import type { Method, Route } from "./route.ts";

export interface Resource {
  readonly path: string;
  readonly read: Pick<Route, "op" | "summary" | "query" | "handler">;
  readonly writeQuery: ReadonlySet<string>;
  readonly writes: readonly ResourceWrite[];
}

export interface ResourceWrite extends Pick<Route, "op" | "summary" | "body" | "handler"> {
  readonly method: Exclude<Method, "GET" | "HEAD">;
}

export function resourceRoutes({ path, read, writeQuery, writes }: Resource): readonly Route[] {
  return [
    { ...read, methods: ["GET", "HEAD"], path, body: "none", effect: "read" },
    ...writes.map(({ method, ...write }): Route => {
      return { ...write, methods: [method], path, query: writeQuery, effect: "write" };
    }),
  ];
}
