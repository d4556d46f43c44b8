/** The masters of the cluster: who is a member of the catalog's group, where each one is, who leads. */
import type { ServerId } from "@stele/shared/ids.ts";
import type { AddressBook } from "@stele/shared/process/address-book.ts";
import type { MasterView } from "@stele/shared/wire/admin-views.ts";
import type { CatalogReplica } from "./catalog-replica.ts";

export class MasterDirectory {
  readonly #self: ServerId;
  readonly #book: AddressBook;
  readonly #replica: CatalogReplica;

  constructor(self: ServerId, book: AddressBook, replica: CatalogReplica) {
    this.#self = self;
    this.#book = book;
    this.#replica = replica;
  }

  /** Null: nobody is known to lead. */
  leaderUrl(): string | null {
    const leader = this.#replica.group?.status().leader ?? null;
    return leader === null ? null : (this.#book.get(leader.serverId)?.url ?? null);
  }

  /** As the leader sees them, in the order of their replica ids. */
  views(): MasterView[] {
    const status = this.#replica.group?.status();
    if (status === undefined) return [];
    const { voters, learners } = status.config;
    return [...voters, ...learners].map(({ serverId }) => {
      const address = this.#book.get(serverId);
      const isSelf = serverId === this.#self;
      const answers = isSelf || this.#replica.leader?.hears(serverId) === true;
      return {
        id: address?.name ?? serverId,
        serverId,
        url: address?.url ?? "",
        role: answers ? (isSelf ? "leader" : "follower") : "unreachable",
        term: answers ? status.term : null,
      };
    });
  }
}
