/** The proxies between servers, with an echo server behind one and this process in front. */
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { canTellOwners } from "./connection-owner.ts";
import { OPEN } from "./passage.ts";
import { ProxiedNetwork } from "./proxied-network.ts";

/** Long enough for anything local to arrive, had it been let through. */
const SILENCE_MS = 60;

let echo: Server;
let accepted: Socket[];
let network: ProxiedNetwork;
const clients: Client[] = [];

/** A connection to the echo server through its proxy, and what came back. */
class Client {
  readonly socket: Socket;
  text = "";
  #arrived = Promise.withResolvers<void>();

  constructor(url: string) {
    this.socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1" });
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk: Buffer) => {
      this.text += chunk.toString();
      this.#arrived.resolve();
      this.#arrived = Promise.withResolvers();
    });
    clients.push(this);
  }

  async until(text: string): Promise<void> {
    while (this.text !== text) await this.#arrived.promise;
  }

  async isClosed(): Promise<boolean> {
    // Not `once`: that rejects at the error of a reset.
    if (!this.socket.closed) await new Promise((resolve) => this.socket.on("close", resolve));
    return true;
  }
}

const silence = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SILENCE_MS));

beforeEach(async () => {
  accepted = [];
  echo = createServer((socket) => {
    accepted.push(socket);
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await once(echo.listen(0, "127.0.0.1"), "listening");
  const { port } = echo.address() as AddressInfo;
  network = await ProxiedNetwork.open(["server"], {
    portOf: () => port,
    processes: () => [{ id: "client", pid: process.pid }],
  });
});

afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await network[Symbol.asyncDispose]();
  for (const socket of accepted) socket.destroy();
  await new Promise((resolve) => echo.close(resolve));
});

function open(): Client {
  return new Client(network.url("server"));
}

test("bytes pass both ways, and so does the end of a stream", async () => {
  const client = open();
  client.socket.write("a".repeat(3_000_000));
  await client.until("a".repeat(3_000_000));
  client.socket.end();
  expect(await client.isClosed()).toBe(true);
  expect(network.count().open).toBe(0);
});

test("the caller of a connection is told by the kernel", async () => {
  const client = open();
  client.socket.write("x");
  await client.until("x");
  expect(network.count()).toEqual({ open: 1, told: canTellOwners() ? 1 : 0 });
});

test("a one-way cut loses requests, and the connection is reset when it heals", async () => {
  const client = open();
  client.socket.write("a");
  await client.until("a");
  network.setPassage("client", "server", { kind: "lost" });
  client.socket.write("b");
  await silence();
  expect(client.text).toBe("a");
  expect(client.socket.destroyed).toBe(false);
  network.setPassage("client", "server", OPEN);
  expect(await client.isClosed()).toBe(true);
});

test("a one-way cut of the other direction loses replies only", async () => {
  const client = open();
  client.socket.write("a");
  await client.until("a");
  network.setPassage("server", "client", { kind: "lost" });
  const received = once(accepted[0] as Socket, "data");
  client.socket.write("b");
  expect(String(await received)).toBe("b");
  await silence();
  expect(client.text).toBe("a");
});

test("a connection that lost nothing outlives a cut", async () => {
  const client = open();
  client.socket.write("a");
  await client.until("a");
  network.setPassage("client", "server", { kind: "lost" });
  network.setPassage("client", "server", OPEN);
  client.socket.write("b");
  await client.until("ab");
});

test("what is held arrives whole and in order when the passage opens", async () => {
  network.setPassage("client", "server", { kind: "held" });
  const client = open();
  for (let piece = 0; piece < 50; piece++) client.socket.write(`${piece} `);
  await silence();
  expect(client.text).toBe("");
  network.healAll();
  await client.until(Array.from({ length: 50 }, (_, piece) => `${piece} `).join(""));
});

test("who gave up behind a cut is heard late, and harms nobody", async () => {
  network.setPassage("client", "server", { kind: "held" });
  const client = open();
  client.socket.end("late");
  await silence();
  const received: string[] = [];
  for (const socket of accepted) socket.on("data", (chunk) => void received.push(String(chunk)));
  network.healAll();
  expect(await client.isClosed()).toBe(true);
  expect(received).toEqual(["late"]);
});

test("a slow link delays and throttles", async () => {
  network.setPassage("client", "server", { kind: "slow", delayMs: 30, bytesPerSecond: 100_000 });
  const client = open();
  const startedMs = performance.now();
  client.socket.write("x".repeat(10_000));
  await client.until("x".repeat(10_000));
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(129);
});

test("a passage concerns the named pair alone", async () => {
  network.setPassage("somebody", "server", { kind: "lost" });
  network.setPassage("client", "elsewhere", { kind: "lost" });
  const client = open();
  client.socket.write("a");
  if (canTellOwners()) await client.until("a");
  expect(network.reset("somebody", "server")).toBe(0);
});

test("a reset breaks the connections between the two", async () => {
  const client = open();
  client.socket.write("a");
  await client.until("a");
  expect(network.reset("server", "client")).toBe(canTellOwners() ? 1 : 0);
  if (canTellOwners()) expect(await client.isClosed()).toBe(true);
});

test("a server that is not there breaks who calls it", async () => {
  await new Promise((resolve) => echo.close(resolve));
  const client = open();
  client.socket.write("a");
  expect(await client.isClosed()).toBe(true);
});
