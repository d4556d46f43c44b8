import { describe, expect, test } from "vitest";
import { planServers, startArguments } from "./cluster-layout.ts";
import { resolveShape } from "./cluster-shape.ts";
import { LaunchError } from "./launch-error.ts";

const before = { masters: 3, tabletServers: 4, frontends: 2 };

describe("the shape of a cluster", () => {
  test("is three masters, three tablet servers and one front-end at the first start", () => {
    expect(resolveShape({}, null)).toEqual({ masters: 3, tabletServers: 3, frontends: 1 });
  });

  test("is as before when nothing is asked for", () => {
    expect(resolveShape({}, before)).toEqual(before);
  });

  test("may gain tablet servers, and gain or lose front-ends", () => {
    expect(resolveShape({ tabletServers: 5, frontends: 1 }, before)).toEqual({
      masters: 3,
      tabletServers: 5,
      frontends: 1,
    });
  });

  test.each([
    [{ masters: 1 }, before, "number of masters cannot change"],
    [{ tabletServers: 3 }, before, "starting fewer would leave replicas behind"],
    [{ masters: 2 }, null, "--masters is 1, 3 or 5"],
    [{ tabletServers: 0 }, null, "--tablet-servers is a number from 1 to 80"],
    [{ frontends: 11 }, null, "--frontends is a number from 1 to 10"],
  ])("refuses %j over %j", (requested, known, message) => {
    expect(() => resolveShape(requested, known)).toThrow(LaunchError);
    expect(() => resolveShape(requested, known)).toThrow(message);
  });
});

describe("the layout of a cluster", () => {
  test("gives every process its own port, the base to the first front-end", () => {
    const shape = { masters: 5, tabletServers: 80, frontends: 10 };
    const servers = planServers(shape, 7070, "/data");
    expect(new Set(servers.map(({ port }) => port)).size).toBe(95);
    expect(servers.find(({ id }) => id === "fe1")?.url).toBe("http://127.0.0.1:7070");
    expect(Math.max(...servers.map(({ port }) => port))).toBeLessThan(7170);
  });

  test("moves no server when others are added", () => {
    const small = planServers({ masters: 1, tabletServers: 2, frontends: 1 }, 7070, "/data");
    const large = planServers({ masters: 1, tabletServers: 9, frontends: 3 }, 7070, "/data");
    expect(large).toEqual(expect.arrayContaining(small));
  });

  test("starts a server with the flags that an operator would give", () => {
    const [server] = planServers({ masters: 1, tabletServers: 0, frontends: 0 }, 7070, "/data");
    const masterUrls = ["http://127.0.0.1:9080"];
    const options = { advertise: "http://127.0.0.1:9080", masterUrls, extra: ["--bootstrap"] };
    expect(startArguments(server!, options).join(" ")).toBe(
      "start master --name m1 --data-dir /data/m1 --listen 127.0.0.1:7080 " +
        "--advertise http://127.0.0.1:9080 --masters http://127.0.0.1:9080 --bootstrap",
    );
  });
});
