import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const module = fileURLToPath(new URL("launcher-pipe.adapter.ts", import.meta.url));

function startServer(body: string, environment: Readonly<Record<string, string>>) {
  const child = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { endWithLauncher } from ${JSON.stringify(module)};${body}`,
    ],
    { stdio: ["ignore", "pipe", "inherit", "pipe"], env: { ...process.env, ...environment } },
  );
  return { child, launcherEnd: child.stdio[3] as Writable };
}

const serving = `
  setInterval(() => {}, 1000);
  process.once("SIGTERM", () => { console.log("stopped cleanly"); process.exit(0); });
  endWithLauncher();
  console.log("serving " + process.env.STELE_LAUNCHER_PIPE);`;

test("a server stops cleanly when its launcher is gone", async () => {
  const { child, launcherEnd } = startServer(serving, { STELE_LAUNCHER_PIPE: "1" });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  try {
    await once(child.stdout!, "data");
    launcherEnd.destroy();
    const [code] = (await once(child, "close")) as [number];
    expect(code).toBe(0);
    expect(output).toBe("serving undefined\nstopped cleanly\n");
  } finally {
    child.kill("SIGKILL");
  }
});

test("a process that has nothing else to do ends although its launcher lives", async () => {
  const { child, launcherEnd } = startServer("endWithLauncher();", { STELE_LAUNCHER_PIPE: "1" });
  try {
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(0);
  } finally {
    launcherEnd.destroy();
    child.kill("SIGKILL");
  }
});

test("without the variable descriptor 3 is left alone", async () => {
  const { child, launcherEnd } = startServer(
    `endWithLauncher(); setTimeout(() => console.log("still here"), 200);`,
    { STELE_LAUNCHER_PIPE: "" },
  );
  try {
    launcherEnd.destroy();
    const [text] = (await once(child.stdout!, "data")) as [Buffer];
    expect(text.toString()).toBe("still here\n");
  } finally {
    child.kill("SIGKILL");
  }
});
