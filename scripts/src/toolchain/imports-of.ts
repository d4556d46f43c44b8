// Finds the imports of a source text without parsing it.
//
// Enough because the formatter puts every static import and re-export at the start of a line.
// Text inside a template literal that looks like an import at the start of a line is taken for one.

export interface Import {
  readonly specifier: string;
  /** Imported names; `*` for a namespace, `default` for a default import, empty for side effects. */
  readonly names: readonly string[];
  readonly kind: "import" | "type-import" | "re-export" | "dynamic";
  /** 1-based. */
  readonly line: number;
}

const staticImport = /^(import|export)\s+(type\s+)?([^"';=()]*?)\s*\bfrom\s*"([^"]+)"/gm;
const sideEffectImport = /^import\s*"([^"]+)"/gm;
const dynamicImport = /(?<![\w.])(?:import|require)\(\s*"([^"]+)"/g;

export function importsOf(text: string): Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(staticImport)) {
    const [, keyword = "", type, clause = "", specifier = ""] = match;
    const kind = keyword === "export" ? "re-export" : type ? "type-import" : "import";
    found.push({ specifier, names: namesOf(clause), kind, line: lineAt(text, match.index) });
  }
  for (const match of text.matchAll(sideEffectImport)) {
    const [, specifier = ""] = match;
    found.push({ specifier, names: [], kind: "import", line: lineAt(text, match.index) });
  }
  for (const match of text.matchAll(dynamicImport)) {
    const [, specifier = ""] = match;
    found.push({ specifier, names: ["*"], kind: "dynamic", line: lineAt(text, match.index) });
  }
  return found;
}

/** Names on the exporting side: `{ a as b, type C }` gives a and C. */
function namesOf(clause: string): string[] {
  const braces = /\{([^}]*)\}/.exec(clause);
  const outside = clause.replace(/\{[^}]*\}/, "");
  const names = (braces?.[1] ?? "")
    .split(",")
    .map((part) => part.trim().replace(/^type\s+/, ""))
    .map((part) => part.split(/\s+as\s+/)[0] ?? "")
    .filter((name) => name !== "");
  for (const part of outside.split(",").map((text) => text.trim())) {
    if (part.startsWith("*")) names.push("*");
    else if (part !== "") names.push("default");
  }
  return names;
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
