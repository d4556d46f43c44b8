import { describe, expect, test } from "vitest";
import { identityHeaders, refusalOf } from "./internal-auth.ts";
import type { ClusterIdentity } from "./internal-auth.ts";

const process = (token: string | null, clusterId: string | null): ClusterIdentity => ({
  token,
  clusterId: () => clusterId,
});

const allows = (
  client: ClusterIdentity,
  server: ClusterIdentity,
  check: "same-cluster" | "joining",
): boolean => refusalOf(server, identityHeaders(client), check) === null;

describe("internal routes", () => {
  test.each([
    ["the same cluster", "a", "a", true, true],
    ["another cluster", "b", "a", false, false],
    ["a client that knows no cluster yet", null, "a", false, true],
    ["a server that knows no cluster yet", "a", null, false, true],
    ["two processes before a cluster exists", null, null, true, true],
  ])("judge %s", (_, client, server, same, joining) => {
    expect(allows(process(null, client), process(null, server), "same-cluster")).toBe(same);
    expect(allows(process(null, client), process(null, server), "joining")).toBe(joining);
  });

  test.each([
    ["the token", "secret", true],
    ["another token", "secreT", false],
    ["a prefix of the token", "secre", false],
    ["no token", null, false],
  ])("judge a client with %s", (_, token, allowed) => {
    expect(allows(process(token, "a"), process("secret", "a"), "same-cluster")).toBe(allowed);
    expect(allows(process(token, "a"), process("secret", "a"), "joining")).toBe(allowed);
  });

  test("refuse a request without the headers, and one that sends them twice", () => {
    const server = process("secret", "a");
    const twice = { "x-stele-cluster": "a", "x-stele-cluster-token": ["secret", "secret"] };
    expect(refusalOf(server, {}, "same-cluster")).toContain("token");
    expect(refusalOf(server, twice, "same-cluster")).toContain("token");
    expect(refusalOf(process(null, null), {}, "joining")).toContain("cluster id is missing");
  });
});
