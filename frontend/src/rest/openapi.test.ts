import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "@stele/shared/clock.ts";
import { silentLog } from "@stele/shared/log.ts";
import { Metrics } from "@stele/shared/metrics.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { BodyReader } from "./body-reader.ts";
import { ReplyWriter } from "./reply-writer.ts";
import { restRoutes } from "./routes.ts";
import { MemoryOperations } from "./testing/memory-operations.ts";
import { RestHarness } from "./testing/rest-harness.adapter.ts";

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const routes = restRoutes(
  {
    ...pick(new MemoryOperations(() => 0)),
    clock: systemClock,
    random: new SeededRandom(1),
    bodies: new BodyReader(systemClock, 0),
    replies: new ReplyWriter([]),
    log: silentLog,
  },
  {
    metrics: new Metrics(),
    version: { version: "0.1.0", id: "frontend1" },
    readiness: () => ({ kind: "ready" }),
  },
);

function pick({ rows, tables, cluster }: MemoryOperations) {
  return { rows, tables, cluster };
}

let rest: RestHarness;
let paths: Paths = {};
let text = "";
beforeAll(async () => {
  rest = await RestHarness.start();
  text = (await rest.call("GET", "/v1/openapi.json")).text;
  paths = (JSON.parse(text) as { paths: Paths }).paths;
});
afterAll(() => rest.stop());

test("the OpenAPI document has every call of the route table, with its parameters", () => {
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters }]) => {
      const query = parameters.filter((each) => each.in === "query").map(({ name }) => name);
      return `${method.toUpperCase()} ${path} ${query.sort().join()}`;
    }),
  );
  const registered = routes.flatMap(({ methods, path, query }) =>
    methods.map((method) => `${method} ${path} ${[...query].sort().join()}`),
  );
  expect(documented.sort()).toEqual(registered.sort());
  expect(text).toContain('"openapi":"3.1.0"');
});

test("every reference of the document leads to a schema, and every id is used once", () => {
  const { components } = JSON.parse(text) as { components: { schemas: object } };
  const referred = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, uri]) => uri ?? ""));
  expect(referred.size).toBeGreaterThan(20);
  for (const uri of referred) {
    expect(components.schemas).toHaveProperty([uri.replace("#/components/schemas/", "")]);
  }
  const ids = Object.values(paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});

test("every documented call is served", async () => {
  for (const [template, methods] of Object.entries(paths)) {
    const path = template
      .replace("{table}", "t")
      .replace("{key}", "k")
      .replace("{column}", "d:a")
      .replace("{id}", "100");
    for (const method of Object.keys(methods)) {
      const answer = await rest.call(method.toUpperCase(), path);
      expect([404, 405].includes(answer.status) && answer.text.includes("PATH_NOT_FOUND")).toBe(
        false,
      );
      expect(answer.status, `${method} ${path}`).not.toBe(405);
      expect(answer.status, `${method} ${path}`).toBeLessThan(500);
    }
    if (template.includes("{table}") && methods.delete !== undefined) {
      await rest.call("POST", "/v1/tables", { name: "t" });
    }
  }
});

test("docs/REST_API.md lists exactly the calls of the route table", () => {
  const document = readFileSync(new URL("../../../docs/REST_API.md", import.meta.url), "utf8");
  const documented = [...document.matchAll(/^\| ([A-Z ]+) \| `(\/[^`]*)` \| ([^|]*) \|/gm)].map(
    ([, methods, path, query = ""]) => {
      const names = [...query.matchAll(/`(\w+)`/g)].map(([, name]) => name);
      return `${methods} ${path} ${names.join(" ")}`;
    },
  );
  const registered = routes.map(
    ({ methods, path, query }) => `${methods.join(" ")} ${path} ${[...query].join(" ")}`,
  );
  expect(documented).toEqual(registered);
});
