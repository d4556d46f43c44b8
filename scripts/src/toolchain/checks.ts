// The static checks of `npm test`, one command each.
import { tool } from "./command.ts";
import type { Command } from "./command.ts";

export const checks = {
  types: { name: "types", args: [tool.types, "--pretty", "false"] },
  lint: { name: "lint", args: [tool.lint, "--deny-warnings"] },
  format: { name: "format", args: [tool.format, "--check"] },
  sources: { name: "sources", args: ["scripts/src/toolchain/check-sources.ts"] },
} as const satisfies Record<string, Command>;
