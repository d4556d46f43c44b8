// What every error answer must look like (section 6 of the contract).
import { expect } from "vitest";
import type { Problem, Reply } from "./rest.ts";

/** Checks status, code and everything that each problem carries; returns it for further checks. */
export function expectProblem(reply: Reply, status: number, code: string): Problem {
  const shown = `${reply.status} ${reply.text.slice(0, 600)}`;
  expect(reply.headers["content-type"], shown).toMatch(/^application\/problem\+json(;|$)/);
  const problem = reply.json<Problem>();
  expect(`${reply.status} ${problem.code}`, shown).toBe(`${status} ${code}`);
  expect(problem, shown).toMatchObject({
    type: expect.stringMatching(/./),
    title: expect.stringMatching(/./),
    status,
    code,
    detail: expect.stringMatching(/./),
    retryable: expect.any(Boolean),
    requestId: reply.headers["stele-request-id"],
  });
  expect(problem.requestId, "a request id").toMatch(/./);
  // Nothing internal leaks: no stack, no path of a source file.
  expect(reply.text).not.toMatch(/\.ts\b|node_modules|\n\s+at /);
  return problem;
}

/** The places that `errors` names, e.g. `/columns/d:x` or `?limit`. */
export function pointersOf({ errors = [] }: Problem): string[] {
  return errors.map(({ pointer }) => pointer);
}
