/** Both directions of one connection that runs through a proxy. */
import type { Socket } from "node:net";
import { breakOff } from "./break-off.ts";
import { ByteFlow } from "./byte-flow.ts";
import type { Passage } from "./passage.ts";

export interface Passages {
  /** From who connected to whom was connected to. */
  readonly there: Passage;
  readonly back: Passage;
}

export class ProxiedConnection {
  readonly #caller: Socket;
  readonly #called: Socket;
  readonly #there: ByteFlow;
  readonly #back: ByteFlow;
  #passages: Passages;

  /** @param caller paused; nothing of it was read */
  constructor(caller: Socket, called: Socket, passages: Passages) {
    this.#caller = caller;
    this.#called = called;
    this.#passages = passages;
    this.#there = new ByteFlow(caller, called, passages.there);
    this.#back = new ByteFlow(called, caller, passages.back);
    caller.on("close", (failed) => this.#ended(failed));
    called.on("close", (failed) => this.#ended(failed));
  }

  pass(passages: Passages): void {
    this.#passages = passages;
    const isThereWhole = this.#there.pass(passages.there);
    const isBackWhole = this.#back.pass(passages.back);
    if (!isThereWhole || !isBackWhole) this.reset();
  }

  reset(): void {
    breakOff(this.#caller);
    breakOff(this.#called);
  }

  /** Where nothing is in the way, the other side hears of a break at once; else its flow tells in time. */
  #ended(failed: boolean): void {
    const { there, back } = this.#passages;
    if (failed && there.kind === "open" && back.kind === "open") this.reset();
  }
}
