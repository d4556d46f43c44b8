// The knobs of the servers as flags of `stele start`, which hands them on to every server. A server
// ignores the flags of other roles, so all get all.
import { InvalidArgumentError, Option } from "commander";
import { KNOBS } from "@stele/shared/config-knobs.ts";

/** The launcher's to decide, one value a server. */
const OWN: ReadonlySet<string> = new Set([
  "dataDir",
  "name",
  "listen",
  "advertise",
  "masters",
  "expectTabletServers",
]);

const kebab = (name: string): string => {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
};

const knobs = Object.entries(KNOBS).filter(([name]) => !OWN.has(name));

export function serverFlags(): Option[] {
  return knobs.map(([name, { value, description, default: fallback }]) => {
    const shown = fallback.kind === "required" ? "" : ` (default: ${fallback.shown})`;
    const option = new Option(`--${kebab(name)} <${value.hint}>`, `${description}${shown}`);
    option.argParser((text: string) => {
      const parsed = value.parse.safeParse(text);
      if (parsed.success) return text;
      throw new InvalidArgumentError(parsed.error.issues.map(({ message }) => message).join("; "));
    });
    return option;
  });
}

/** As they are typed behind `stele start <role>`. */
export function givenServerFlags(options: Readonly<Record<string, unknown>>): string[] {
  return knobs.flatMap(([name]) => {
    const text = options[name];
    return typeof text === "string" ? [`--${kebab(name)}`, text] : [];
  });
}
