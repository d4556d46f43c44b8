/** Bodies of rare calls, checked by a zod schema; refusals name JSON pointers like all others. */
import type { z } from "zod";
import type { InputProblem } from "@stele/shared/errors.ts";
import { at, invalidInputs, pointerText } from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";

export function parseWithSchema<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw invalidInputs(parsed.error.issues.flatMap(problemsOf), "INVALID_REQUEST");
}

function problemsOf(issue: z.core.$ZodIssue): InputProblem[] {
  const place = issue.path.reduce<Pointer>(
    (pointer, segment) => at(pointer, typeof segment === "number" ? segment : String(segment)),
    null,
  );
  if (issue.code !== "unrecognized_keys") {
    return [{ pointer: pointerText(place), detail: issue.message }];
  }
  return issue.keys.map((key) => ({
    pointer: pointerText(at(place, key)),
    detail: "is not known here",
  }));
}
