/** Calls of a forming master to the others of its list; who does not answer is asked again. */
import type { Clock } from "@stele/shared/clock.ts";
import type { RpcClient } from "@stele/shared/rpc/rpc-client.ts";
import {
  acceptProposalRoute,
  commitProposalRoute,
  helloRoute,
  type FormingProposal,
  type HelloReply,
} from "@stele/shared/wire/master-calls.ts";

const ANSWER_MS = 2_000;

export interface Peer {
  readonly url: string;
  readonly hello: HelloReply;
}

export interface Round {
  /** Whom this waits for, in words; null: everybody answered. */
  readonly absent: string | null;
  /** Why a member refused; null: none did. */
  readonly refusal: string | null;
}

export class FormingPeers {
  readonly #rpc: RpcClient;
  readonly #clock: Clock;

  constructor(rpc: RpcClient, clock: Clock) {
    this.#rpc = rpc;
    this.#clock = clock;
  }

  async hello(
    urls: readonly string[],
  ): Promise<{ readonly present: readonly Peer[]; readonly absent: string | null }> {
    const answers = await this.#all(urls, (url) =>
      this.#rpc.call(url, helloRoute, { masters: null }, this.#options()),
    );
    const present: Peer[] = [];
    for (const [url, hello] of answers.replies) {
      // An address that leads to another process, as a port that was given away.
      if (hello.url === url) present.push({ url, hello });
    }
    const misled = [...answers.replies].find(([url, hello]) => hello.url !== url);
    const absent =
      misled === undefined
        ? answers.absent
        : `${misled[0]}, where a master answers whose --advertise is ${misled[1].url}`;
    return { present, absent };
  }

  accept(urls: readonly string[], proposal: FormingProposal): Promise<Round> {
    return this.#verdicts(urls, (url) =>
      this.#rpc.call(url, acceptProposalRoute, proposal, this.#options()),
    );
  }

  commit(urls: readonly string[], clusterId: string): Promise<Round> {
    return this.#verdicts(urls, (url) =>
      this.#rpc.call(url, commitProposalRoute, { clusterId }, this.#options()),
    );
  }

  async #verdicts(
    urls: readonly string[],
    call: (url: string) => Promise<{ kind: "done" } | { kind: "refused"; readonly detail: string }>,
  ): Promise<Round> {
    const { absent, replies } = await this.#all(urls, call);
    for (const [url, verdict] of replies) {
      if (verdict.kind === "refused") return { absent, refusal: `${url}: ${verdict.detail}` };
    }
    return { absent, refusal: null };
  }

  async #all<Reply>(
    urls: readonly string[],
    call: (url: string) => Promise<Reply>,
  ): Promise<{ readonly replies: ReadonlyMap<string, Reply>; readonly absent: string | null }> {
    const replies = new Map<string, Reply>();
    const failures = new Map<string, string>();
    await Promise.all(
      urls.map((url) =>
        call(url).then(
          (reply) => void replies.set(url, reply),
          (error: unknown) => void failures.set(url, String(error)),
        ),
      ),
    );
    const absent = [...failures].map(([url, why]) => `${url} (${why})`).join(", ");
    return { replies, absent: absent === "" ? null : absent };
  }

  #options(): { deadlineMs: number } {
    return { deadlineMs: this.#clock.monotonicMs() + ANSWER_MS };
  }
}
