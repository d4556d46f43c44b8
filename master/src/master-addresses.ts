/**
 * Masters tell each other where they are: an address may change, a server id does not. Each asks the urls that
 * it was given and those that it knows, often until it has heard from every member of the catalog's group, then
 * now and then.
 */
import { delay, type Clock } from "@stele/shared/clock.ts";
import type { DurableAddressBook } from "@stele/shared/process/address-book.ts";
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import type { RpcClient } from "@stele/shared/rpc/rpc-client.ts";
import { helloRoute } from "@stele/shared/wire/master-calls.ts";

const ANSWER_MS = 2_000;
const SOON_MS = 500;
const LATER_MS = 10_000;

export interface MasterAddressesParts {
  readonly self: AddressEntry;
  /** As given by the operator. */
  readonly urls: readonly string[];
  readonly addresses: DurableAddressBook;
  readonly rpc: RpcClient;
  readonly clock: Clock;
}

export class MasterAddresses {
  readonly #parts: MasterAddressesParts;
  #closed = false;

  constructor(parts: MasterAddressesParts) {
    this.#parts = parts;
  }

  /** Of all masters that are known. */
  entries(): AddressEntry[] {
    return this.#parts.addresses.book.entries().filter(({ role }) => role === "master");
  }

  async learn(entries: readonly AddressEntry[]): Promise<void> {
    await this.#parts.addresses.merge(entries.filter(({ role }) => role === "master"));
  }

  close(): void {
    this.#closed = true;
  }

  /** Runs until closed. */
  async run(): Promise<void> {
    const { clock, self } = this.#parts;
    await this.learn([self]);
    while (!this.#closed) {
      const complete = await this.#exchange();
      await delay(clock, complete ? LATER_MS : SOON_MS);
    }
  }

  /** True when everybody asked has answered. */
  async #exchange(): Promise<boolean> {
    const { clock, rpc, self, urls } = this.#parts;
    const known = this.entries();
    const others = new Set([...urls, ...known.map(({ url }) => url)]);
    others.delete(self.url);
    const deadlineMs = clock.monotonicMs() + ANSWER_MS;
    const answers = await Promise.allSettled(
      [...others].map(async (url) => {
        const hello = await rpc.call(url, helloRoute, { masters: known }, { deadlineMs });
        await this.learn(hello.masters);
      }),
    );
    return answers.every(({ status }) => status === "fulfilled");
  }
}
