// A TCP proxy that cuts connections: the network between a client and a front-end that fails.
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

export interface Cut {
  /** Connections end after so many bytes in either direction; Infinity: never. */
  readonly afterBytes: number;
  /** So many connections are cut, the later ones are not. */
  readonly times: number;
}

export class CuttingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #targetPort: number;
  #cut: Cut;
  #cuts = 0;

  private constructor(targetPort: number, cut: Cut) {
    this.#targetPort = targetPort;
    this.#cut = cut;
    this.#server = createServer((client) => this.#join(client));
  }

  static async start(targetPort: number, cut: Cut): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(targetPort, cut);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that were cut. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Cuts every connection now. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cutAll();
    await closed;
  }

  #join(client: Socket): void {
    const server = connect(this.#targetPort, "127.0.0.1");
    let bytes = 0;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      for (const socket of [client, server]) {
        socket.resetAndDestroy();
        this.#sockets.delete(socket);
      }
    };
    const pass = (from: Socket, to: Socket): void => {
      this.#sockets.add(from);
      from.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > this.#cut.afterBytes && this.#cuts < this.#cut.times) {
          this.#cuts++;
          // What came so far gets through, half a line perhaps.
          to.write(chunk.subarray(0, chunk.length >> 1), end);
          return;
        }
        if (!to.write(chunk)) from.pause();
      });
      to.on("drain", () => from.resume());
      from.on("close", end);
      from.on("error", end);
    };
    pass(client, server);
    pass(server, client);
  }
}
