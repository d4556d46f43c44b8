// A process that behaves towards the launcher as a server does, and as badly as a test asks it to.
//
// Takes `start <role> --name .. --data-dir .. --listen ..`; a file `<name>.json` beside its data
// directory scripts it: {"exit": code, "say": text, "ignoreTerm": true, "notReady": detail}.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { endWithLauncher } from "@stele/shared/process/launcher-pipe.adapter.ts";

interface Script {
  readonly exit?: number;
  readonly say?: string;
  readonly ignoreTerm?: boolean;
  readonly notReady?: string;
}

const { values } = parseArgs({
  args: process.argv.slice(4),
  options: {
    name: { type: "string" },
    "data-dir": { type: "string" },
    listen: { type: "string" },
    advertise: { type: "string" },
    masters: { type: "string" },
    bootstrap: { type: "boolean" },
    "expect-tablet-servers": { type: "string" },
  },
});
const dataDir = values["data-dir"] ?? "";
const scriptPath = `${dataDir}.json`;
const script = (): Script => {
  return existsSync(scriptPath) ? (JSON.parse(readFileSync(scriptPath, "utf8")) as Script) : {};
};

endWithLauncher();
mkdirSync(dataDir, { recursive: true });
writeFileSync(`${dataDir}/arguments.json`, JSON.stringify(process.argv.slice(2)));
const { say, exit, ignoreTerm } = script();
if (say !== undefined) console.log(say);
if (exit !== undefined) process.exit(exit);

const server = createServer((_request, response) => {
  const { notReady } = script();
  response.writeHead(notReady === undefined ? 200 : 503);
  response.end(JSON.stringify({ detail: notReady ?? "ready" }));
});
const [host, port] = (values.listen ?? "").split(":");
server.listen(Number(port), host);
process.on("SIGTERM", () => {
  if (ignoreTerm === true) return;
  writeFileSync(`${dataDir}/stopped`, "cleanly");
  process.exit(0);
});
