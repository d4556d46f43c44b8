/**
 * The API as an OpenAPI 3.1 document, made of the route table (what there is), the schemas (what is
 * taken and given) and the table of query parameters below.
 */
import { z } from "zod";
import { must } from "@stele/shared/assert.ts";
import { CALL_SCHEMAS, problemSchema } from "./call-schemas.ts";
import type { CallSchemas } from "./call-schemas.ts";
import { BYTES_TYPE, JSON_TYPE, NDJSON_TYPE, PROBLEM_TYPE } from "./media-types.ts";
import type { Route } from "./route.ts";
import { apiSchemas } from "./schemas.ts";

type JsonObject = Readonly<Record<string, unknown>>;

const DURATION = { type: "string", pattern: "^(0|[1-9][0-9]*)(ms|s|m|h)$" };
const KEY = { type: "string" };

const QUERY_PARAMETERS: Readonly<Record<string, { schema: JsonObject; description: string }>> = {
  enc: {
    schema: { enum: ["b64", "hex"] },
    description: "How keys are spelled in this URL; percent-encoded octets when left out",
  },
  timeout: { schema: DURATION, description: "Bounds the whole call; at most 1h" },
  columns: { schema: { type: "string" }, description: "Columns and families, with commas" },
  view: { schema: { enum: ["columns", "cells"] }, description: "Newest values, or versions" },
  versions: { schema: { type: "string" }, description: "Versions a column shows, or all" },
  keysOnly: { schema: { type: "boolean" }, description: "Only key and version of each row" },
  consistency: {
    schema: { enum: ["strong", "bounded", "session", "any"] },
    description: "How fresh a read must be",
  },
  maxStaleness: { schema: DURATION, description: "With consistency=bounded" },
  timestamp: { schema: { type: "string" }, description: "Exactly this version, microseconds" },
  prefix: { schema: KEY, description: "Keys that start with it" },
  start: { schema: KEY, description: "The lowest key, inclusive" },
  startAfter: { schema: KEY, description: "The lowest key, exclusive" },
  end: { schema: KEY, description: "The highest key, exclusive" },
  limit: { schema: { type: "integer", minimum: 1 }, description: "Most items of this page" },
  reverse: { schema: { type: "boolean" }, description: "From the highest key down" },
  pageToken: { schema: { type: "string" }, description: "nextPageToken of the page before" },
  maxFailures: {
    schema: { type: "integer", minimum: 1 },
    description: "Failed lines after which a load stops",
  },
};

export function openApiDocument(routes: readonly Route[], version: string): JsonObject {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = (paths[route.path] ??= {});
    for (const method of route.methods) {
      path[method.toLowerCase()] = operationOf(route, method === "HEAD" ? "head" : "full");
    }
  }
  return {
    openapi: "3.1.0",
    info: { title: "Stele", version, description: "A Bigtable-style distributed database" },
    paths,
    components: { schemas: componentSchemas() },
  };
}

function operationOf(route: Route, form: "head" | "full"): JsonObject {
  const schemas = must(CALL_SCHEMAS[route.op], `the call ${route.op} has no schemas`);
  const body = requestBody(route, schemas);
  return {
    operationId: form === "head" ? `${route.op}_head` : route.op,
    summary: route.summary,
    parameters: [...pathParameters(route.path), ...[...route.query].map(queryParameter)],
    ...(body === null ? {} : { requestBody: body }),
    responses: responses(route, schemas, form),
  };
}

function pathParameters(path: string): JsonObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameter(name: string): JsonObject {
  const parameter = must(QUERY_PARAMETERS[name], `the parameter ${name} is not described`);
  return { name, in: "query", ...parameter };
}

function requestBody(route: Route, { request }: CallSchemas): JsonObject | null {
  switch (route.body) {
    case "none":
      return null;
    case "bytes":
      return { content: { "*/*": {} } };
    case "json":
      return request === undefined ? null : { content: { [JSON_TYPE]: { schema: ref(request) } } };
    case "json-or-ndjson":
      return {
        content: {
          ...(request === undefined ? {} : { [JSON_TYPE]: { schema: ref(request) } }),
          [NDJSON_TYPE]: { schema: { type: "string" } },
        },
      };
  }
}

function responses(route: Route, schemas: CallSchemas, form: "head" | "full"): JsonObject {
  const content = form === "head" ? {} : successContent(route, schemas);
  const successes = schemas.statuses.map((status) => [
    status,
    {
      description: status === 304 ? "Unchanged" : "Done",
      ...(status === 204 || status === 304 ? {} : content),
    },
  ]);
  const problem = { [PROBLEM_TYPE]: { schema: ref(problemSchema) } };
  const failure = { description: "A problem, see docs/ERRORS.md", content: problem };
  return { ...(Object.fromEntries(successes) as JsonObject), default: failure };
}

const STREAMING: ReadonlySet<string> = new Set([
  "rows_list",
  "rows_scan",
  "rows_get",
  "rows_batch",
]);

function successContent(route: Route, { answer }: CallSchemas): JsonObject {
  if (answer === null) {
    const type = route.op === "metrics" ? "text/plain" : BYTES_TYPE;
    return { content: { [type]: {} } };
  }
  const lines = STREAMING.has(route.op) ? { [NDJSON_TYPE]: { schema: { type: "string" } } } : {};
  return { content: { [JSON_TYPE]: { schema: ref(answer) }, ...lines } };
}

function ref(schema: z.ZodType): JsonObject {
  const { id } = must(apiSchemas.get(schema), "a schema of the document has no name");
  return { $ref: componentUri(id) };
}

function componentUri(id: string): string {
  return `#/components/schemas/${id}`;
}

function componentSchemas(): JsonObject {
  const { schemas } = z.toJSONSchema(apiSchemas, { uri: componentUri });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]),
  );
}
