/**
 * How masters that know nothing become one cluster. Each is started with `--bootstrap` and the same list of
 * urls; the one whose url sorts first is the former.
 *
 *     former: hello to all, until every one is there, empty, and has the same list
 *          -> mints the cluster id, writes the proposal down
 *          -> accept to all: each writes it down
 *          -> writes "committed" down -> commit to all: each creates its replica of the catalog
 *
 * F1. A member holds at most one proposal, durably, for ever: it refuses every other one.
 * F2. A replica is created only for a proposal that every member of it has accepted. With F1, one list of masters
 *     never becomes two clusters, whoever crashes, is wiped or comes twice.
 * F3. Every step may be repeated. A member that missed the commit learns of it from any other one that formed.
 */
import { CATALOG_GROUP, replicaId, serverId } from "@stele/shared/ids.ts";
import { assert, must } from "@stele/shared/assert.ts";
import { delay, type Clock } from "@stele/shared/clock.ts";
import type { Log } from "@stele/shared/log.ts";
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import { StartRefusedError } from "@stele/shared/process/start-refused-error.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { Random } from "@stele/shared/random.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { FormingProposal } from "@stele/shared/wire/master-calls.ts";
import { encodeCatalogState, firstCatalogState } from "../catalog/catalog-state.ts";
import type { FormingDocument, FormingFile } from "./forming-document.ts";
import type { FormingPeers, Peer } from "./forming-peers.ts";

const PAUSE_MS = 200;
const SAY_EVERY = 25;

/** This master cannot take part in forming a cluster. */
export class FormingRefusedError extends StartRefusedError {
  override readonly name = "FormingRefusedError";
}

export type Verdict =
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly detail: string };

export interface FormingParts {
  readonly self: AddressEntry;
  readonly file: FormingFile;
  readonly document: FormingDocument;
  readonly peers: FormingPeers;
  readonly host: Pick<ReplicaHost, "createReplica" | "group">;
  readonly cluster: {
    clusterId(): string | null;
    setClusterId(id: string): Promise<void>;
    addressesLearnt(entries: readonly AddressEntry[]): Promise<void>;
  };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export class Forming {
  readonly #parts: FormingParts;
  #document: FormingDocument;
  /** Changes of the document, one behind the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(parts: FormingParts) {
    this.#parts = parts;
    this.#document = parts.document;
  }

  get proposal(): FormingProposal | null {
    return this.#document.proposal;
  }

  close(): void {
    this.#closed = true;
  }

  /** Of a former. `done`: the proposal is durable here (F1). */
  accept(proposal: FormingProposal): Promise<Verdict> {
    return this.#inTurn(async () => {
      const own = this.#document.proposal;
      if (own !== null) return sameProposal(own, proposal) ? DONE : refused(otherProposal(own));
      const mismatch = this.#mismatch(proposal);
      if (mismatch !== null) return refused(mismatch);
      await this.#write({ ...this.#document, proposal });
      return DONE;
    });
  }

  /** Every member has accepted the proposal of this cluster: create the replica. */
  commit(clusterId: string): Promise<Verdict> {
    return this.#inTurn(async () => {
      const { proposal } = this.#document;
      if (proposal?.clusterId !== clusterId) {
        return refused(`no proposal of cluster ${clusterId} was accepted here`);
      }
      await this.#form(proposal);
      return DONE;
    });
  }

  /** Resolves when this master belongs to its cluster. Rejects with `FormingRefusedError`. */
  async run(): Promise<void> {
    for (let attempt = 0; !this.#closed; attempt++) {
      if (this.#document.committed) await this.commit(this.#mustProposal().clusterId);
      if (this.#parts.cluster.clusterId() !== null) break;
      const waitsFor = this.#isFormer() ? await this.#lead() : await this.#follow();
      if (waitsFor !== null && attempt % SAY_EVERY === SAY_EVERY - 1) {
        this.#parts.log.warn({ waitsFor }, "the cluster is not formed yet");
      }
      if (waitsFor !== null) await delay(this.#parts.clock, PAUSE_MS);
    }
    if (this.#isFormer()) await this.#spread();
  }

  /** The former's part; gives what it waits for, null when committed. */
  async #lead(): Promise<string | null> {
    const { peers, cluster } = this.#parts;
    if (this.#document.proposal === null) {
      const found = await peers.hello(this.#others());
      this.#refuseForeign(found.present);
      if (found.absent !== null) return found.absent;
      const proposal = this.#newProposal(found.present);
      const verdict = await this.accept(proposal);
      if (verdict.kind === "refused") throw new FormingRefusedError(verdict.detail);
    }
    const proposal = this.#mustProposal();
    const waitsFor = await peers.accept(this.#others(), proposal);
    if (waitsFor.refusal !== null) throw new FormingRefusedError(waitsFor.refusal);
    if (waitsFor.absent !== null) return waitsFor.absent;
    await this.#inTurn(() => this.#write({ ...this.#document, committed: true }));
    await this.commit(proposal.clusterId);
    assert(cluster.clusterId() === proposal.clusterId, "formed by the commit");
    return null;
  }

  /** Everybody else's part: waits, and looks whether others are further. */
  async #follow(): Promise<string | null> {
    const found = await this.#parts.peers.hello(this.#others());
    const { proposal } = this.#document;
    if (proposal === null) this.#refuseForeign(found.present);
    const isCommitted = found.present.some(({ hello }) => hello.clusterId === proposal?.clusterId);
    if (proposal !== null && isCommitted) {
      await this.commit(proposal.clusterId);
      return null;
    }
    return found.absent ?? `${this.#document.masters[0]} to propose the cluster`;
  }

  /**
   * The former tells the commit until everybody has it. Then it campaigns, so that nobody waits for the first
   * election timeout.
   */
  async #spread(): Promise<void> {
    const { clock, host, peers } = this.#parts;
    const { clusterId } = this.#mustProposal();
    while (!this.#closed) {
      const { absent } = await peers.commit(this.#others(), clusterId);
      if (absent === null) break;
      await delay(clock, PAUSE_MS);
    }
    const group = host.group(CATALOG_GROUP);
    if (group?.status().leader === null) group.campaign();
  }

  /** A master of the list that has a cluster, or is about to, cannot be waiting for this one. */
  #refuseForeign(present: readonly Peer[]): void {
    for (const { hello, url } of present) {
      if (hello.clusterId !== null) {
        throw new FormingRefusedError(
          `the master at ${url} belongs to cluster ${hello.clusterId} already, and this one has an empty data ` +
            "directory. A master that lost its directory cannot join again yet: bring the directory back.",
        );
      }
      if (hello.proposedClusterId !== null && this.#isFormer()) {
        throw new FormingRefusedError(
          `the master at ${url} has accepted the forming of another cluster, ${hello.proposedClusterId}, ` +
            "from an earlier data directory of this master. Bring that directory back, or empty the data " +
            "directories of all masters.",
        );
      }
    }
  }

  #newProposal(present: readonly Peer[]): FormingProposal {
    const { random, self } = this.#parts;
    const members = this.#document.masters.map((url, at) => {
      const peer = present.find((each) => each.url === url)?.hello;
      const { serverId: id, name } = url === self.url ? self : must(peer, `${url} said hello`);
      return { replicaId: at + 1, serverId: id, name, url };
    });
    return { clusterId: random.uuid(), members };
  }

  /** Null: the proposal is of this master and of its list. */
  #mismatch({ members }: FormingProposal): string | null {
    const { self } = this.#parts;
    const urls = members.map(({ url }) => url).sort();
    const { masters } = this.#document;
    if (urls.length !== masters.length || urls.some((url, at) => url !== masters[at])) {
      return `the master at ${self.url} was started with other --masters: ${masters.join(", ")}`;
    }
    const own = members.find(({ url }) => url === self.url);
    if (own?.serverId === self.serverId) return null;
    return `the master at ${self.url} is not server ${own?.serverId} any more`;
  }

  /** Creates the replica, then belongs to the cluster; each part may have been done before. */
  async #form({ clusterId, members }: FormingProposal): Promise<void> {
    const { cluster, host, log, self } = this.#parts;
    if (cluster.clusterId() === clusterId) return;
    const own = must(
      members.find((member) => member.serverId === self.serverId),
      "a proposal that was accepted here names this server",
    );
    const voters = members.map((member) => ({
      replicaId: replicaId(member.replicaId),
      serverId: serverId(member.serverId),
    }));
    const config: GroupConfig = { voters, outgoing: [], learners: [] };
    await cluster.addressesLearnt(
      members.map((member) => ({
        ...member,
        serverId: serverId(member.serverId),
        role: "master",
        announcedAtMicros: 0,
      })),
    );
    await this.#write({ ...this.#document, committed: true });
    const creation = await host.createReplica(CATALOG_GROUP, replicaId(own.replicaId), {
      kind: "bootstrap",
      config,
      state: (space) => encodeCatalogState(firstCatalogState(space, clusterId)),
    });
    assert(creation === "created" || creation === "exists", () => `the replica is ${creation}`);
    await cluster.setClusterId(clusterId);
    log.info({ clusterId, masters: members.map(({ url }) => url) }, "formed the cluster");
  }

  async #write(document: FormingDocument): Promise<void> {
    await this.#parts.file.write(document);
    this.#document = document;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #isFormer(): boolean {
    return this.#document.masters[0] === this.#parts.self.url;
  }

  #others(): readonly string[] {
    return this.#document.masters.filter((url) => url !== this.#parts.self.url);
  }

  #mustProposal(): FormingProposal {
    return must(this.#document.proposal, "a committed document has its proposal");
  }
}

const DONE: Verdict = { kind: "done" };
const refused = (detail: string): Verdict => ({ kind: "refused", detail });

function otherProposal({ clusterId }: FormingProposal): string {
  return (
    `this master has accepted the forming of cluster ${clusterId} and no other. If that cluster is not wanted, ` +
    "empty the data directories of all its masters."
  );
}

function sameProposal(a: FormingProposal, b: FormingProposal): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
