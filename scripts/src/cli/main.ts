// Entry of the `stele` command line.
import manifest from "../../package.json" with { type: "json" };

const [command] = process.argv.slice(2);

if (command === "--version") {
  console.log(manifest.version);
} else {
  console.error(`stele: unknown command ${command ?? "(none)"}`);
  process.exitCode = 2;
}
