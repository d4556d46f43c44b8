/** A REST server over operations in memory, on loopback, and raw sockets to speak to it. */
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { systemClock } from "@stele/shared/clock.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { Log, LogLevel } from "@stele/shared/log.ts";
import { Metrics } from "@stele/shared/metrics.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import type { Readiness } from "../process.ts";
import { DEFAULT_REST_CONFIG } from "../rest-config.ts";
import type { RestConfig } from "../rest-config.ts";
import { createRestServer } from "../rest-server.ts";
import { MemoryOperations } from "./memory-operations.ts";

export interface LogLine {
  readonly level: LogLevel;
  readonly details: object;
  readonly message: string;
}

export class RestHarness {
  readonly operations: MemoryOperations;
  readonly server: FastifyInstance;
  readonly metrics = new Metrics();
  readonly log: LogLine[] = [];
  readiness: Readiness = { kind: "ready" };
  readonly #sockets = new Set<Socket>();
  #baseUrl = "";

  constructor(config: Partial<RestConfig> = {}, clock: Clock = systemClock) {
    this.operations = new MemoryOperations(() => clock.wallMicros());
    const line = (level: LogLine["level"]) => (details: object, message: string) =>
      void this.log.push({ level, details, message });
    const log: Log = {
      error: line("error"),
      warn: line("warn"),
      info: line("info"),
      debug: line("debug"),
      with: () => log,
    };
    this.server = createRestServer({
      rows: this.operations.rows,
      tables: this.operations.tables,
      cluster: this.operations.cluster,
      clock,
      random: new SeededRandom(1),
      log,
      metrics: this.metrics,
      config: { ...DEFAULT_REST_CONFIG, ...config },
      version: { version: "0.1.0", id: "frontend1" },
      readiness: () => this.readiness,
    });
    this.server.server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** With a table `t` of families `d` and `e`, the latter keeping all versions, split at "m". */
  static async start(config: Partial<RestConfig> = {}, clock?: Clock): Promise<RestHarness> {
    const harness = new RestHarness(config, clock);
    harness.#baseUrl = await harness.server.listen({ port: 0, host: "127.0.0.1" });
    const body = { name: "t", families: { d: {}, e: { maxVersions: null } }, splitKeys: ["m"] };
    await harness.call("POST", "/v1/tables", body);
    return harness;
  }

  async stop(): Promise<void> {
    await this.server.close();
  }

  get port(): number {
    return (this.server.server.address() as AddressInfo).port;
  }

  /** Bytes that the server took from all open connections. */
  get bytesRead(): number {
    return [...this.#sockets].reduce((bytes, socket) => bytes + socket.bytesRead, 0);
  }

  get baseUrl(): string {
    return this.#baseUrl;
  }

  /** A call over HTTP; `body` other than a string or bytes is sent as JSON. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const isRaw = typeof body === "string" || Buffer.isBuffer(body) || body === undefined;
    const response = await fetch(this.#baseUrl + path, {
      method,
      headers: { ...(isRaw ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    return new Answer(response.status, response.headers, bytes);
  }

  /** Sends octets as they are; gives everything that came until the server closed, or `until` came. */
  raw(request: string | Buffer, until?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1");
      let received = "";
      const finish = () => {
        socket.destroy();
        resolve(received);
      };
      socket.on("error", (error) => (received === "" ? reject(error) : finish()));
      socket.on("close", finish);
      socket.on("data", (chunk) => {
        received += chunk.toString("latin1");
        if (until !== undefined && received.includes(until)) finish();
      });
      socket.write(typeof request === "string" ? Buffer.from(request, "latin1") : request);
    });
  }

  /** Sends all before it reads anything, as simple clients do. */
  rawWriteFirst(request: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1");
      let received = "";
      socket.on("error", reject);
      socket.on("close", () => resolve(received));
      socket.write(Buffer.from(request, "latin1"), () => {
        socket.on("data", (chunk) => {
          received += chunk.toString("latin1");
        });
      });
    });
  }

  /** One request whose path is sent octet by octet. */
  async rawPath(method: string, path: string): Promise<Answer> {
    const received = await this.raw(
      `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
    );
    return answerOfText(received);
  }
}

export class Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;

  constructor(status: number, headers: Headers, bytes: Buffer) {
    this.status = status;
    this.headers = headers;
    this.bytes = bytes;
  }

  get text(): string {
    return this.bytes.toString("utf8");
  }

  get json(): Record<string, unknown> {
    return JSON.parse(this.text) as Record<string, unknown>;
  }

  get code(): unknown {
    return this.json.code;
  }

  /** The objects of an NDJSON body. */
  get lines(): Record<string, unknown>[] {
    return this.text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

/** The first answer of what a socket received, its body as it came. */
export function answerOfText(received: string): Answer {
  const [head = "", ...bodies] = received.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const body = Buffer.from(bodies.join("\r\n\r\n"), "latin1");
  return new Answer(Number(statusLine.split(" ")[1]), headers, body);
}
