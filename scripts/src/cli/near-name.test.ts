import { expect, test } from "vitest";
import { nearName } from "./near-name.ts";

test.each([
  ["user", ["orders", "users"], "users"],
  ["Grades", ["grades"], "grades"],
  ["gardes", ["grades", "garden"], "grades"],
  ["cites", ["cities", "sites", "citizens"], "cities"],
  ["a", ["b"], null],
  ["photos", ["orders", "users"], null],
  ["x", ["users"], null],
  ["users", [], null],
])("for %j among %j it gives %j", (asked, names, near) => {
  expect(nearName(asked, names)).toBe(near);
});
