/** Processes that do nothing but tick, over the real simulated clock, network and disks; their replicas are made up. */
import { must } from "@stele/shared/assert.ts";
import { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import { MemoryLogDisk } from "@stele/shared/commit-log/testing/memory-log-disk.ts";
import type { ServerId } from "@stele/shared/ids.ts";
import type { Member } from "@stele/shared/raft/group-config.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import { MemoryNetwork } from "@stele/shared/rpc/testing/memory-network.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import type { ProcessClock } from "@stele/shared/testing/simulated-clock.ts";
import type {
  ClusterUnderTest,
  FrontendProcess,
  ProcessState,
  ServerDisks,
  ServerProcess,
} from "../../cluster/simulated-process.ts";

const TICK_MS = 10;
const START_MS = 5;

/** What a fault looks at in a replica. */
export interface FabricatedReplica {
  readonly tabletId: number;
  readonly replicaId: number;
  machine: object | null;
  closed: boolean;
  /** To whom it was asked to hand over. */
  readonly asked: number[];
  readonly transferLeadership: (to: number) => { readonly kind: "refused" };
  readonly raft: {
    role: "leader" | "follower";
    term: number;
    config: { voters: Member[]; outgoing: Member[]; learners: Member[] };
    configIndex: number;
    commit: number;
  };
}

class FabricatedProcess {
  readonly name: string;
  readonly url: string;
  /** What was done to it, with the time. */
  readonly life: string[] = [];
  state: ProcessState = "down";
  clock: ProcessClock | null = null;
  readonly #line: SimulatedClock;

  constructor(line: SimulatedClock, name: string) {
    this.#line = line;
    this.name = name;
    this.url = `http://${name}`;
    this.start();
    this.state = "running";
  }

  start(): void {
    this.note("start");
    this.state = "starting";
    const clock = this.#line.process();
    this.clock = clock;
    const tick = (): void => void clock.after(TICK_MS, tick);
    tick();
    clock.after(START_MS, () => {
      this.state = "running";
      this.started();
    });
  }

  crash(what: "process" | "power"): void {
    this.note(`crash ${what}`);
    this.clock?.stop();
    this.clock = null;
    this.state = "down";
  }

  pause(): void {
    this.note("pause");
    this.clock?.pause();
    this.state = "paused";
  }

  resume(): void {
    this.note("resume");
    this.clock?.resume();
    this.state = "running";
  }

  /** It serves. */
  protected started(): void {}

  protected note(what: string): void {
    this.life.push(`${Math.round(this.#line.monotonicMs())} ${what}`);
  }
}

class FabricatedFrontend extends FabricatedProcess implements FrontendProcess {
  readonly role = "frontend";
}

export class FabricatedServer extends FabricatedProcess implements ServerProcess {
  readonly role: ServerProcess["role"];
  readonly disks: ServerDisks;
  readonly replicas: FabricatedReplica[] = [];
  readonly suspects: { readonly replicaId: number }[] = [];
  diskEpoch = 0;
  tainted = false;

  constructor(line: SimulatedClock, name: string, role: ServerProcess["role"]) {
    super(line, name);
    this.role = role;
    const random = new SeededRandom(1);
    this.disks = {
      log: new MemoryLogDisk({ random, clock: line, stepMs: () => 1 }),
      store: new MemoryStoreDisk({ random, clock: line }),
    };
  }

  get serverId(): ServerId {
    return `${this.name}/${this.diskEpoch}` as ServerId;
  }

  get host(): ReplicaHost | null {
    if (this.state === "down" || this.state === "starting") return null;
    const host = {
      groups: () => this.replicas,
      group: (tablet: number) => this.replicas.find(({ tabletId }) => tabletId === tablet) ?? null,
      suspects: () => this.suspects,
    };
    return host as unknown as ReplicaHost;
  }

  override crash(what: "process" | "power"): void {
    super.crash(what);
    this.disks.log.endProcess();
  }

  wipe(): void {
    this.note("wipe");
    this.diskEpoch++;
    this.replicas.length = 0;
  }

  protected override started(): void {
    this.tainted = false;
  }
}

export class FabricatedCluster implements ClusterUnderTest {
  readonly line = new SimulatedClock(new SeededRandom(1), nextMacrotask);
  readonly network = new MemoryNetwork(new SeededRandom(2));
  readonly processes: readonly (FabricatedServer | FabricatedFrontend)[];
  readonly #servers: readonly FabricatedServer[];

  constructor() {
    const of = (role: ServerProcess["role"], ...names: string[]) =>
      names.map((name) => new FabricatedServer(this.line, name, role));
    this.#servers = [
      ...of("master", "m1", "m2", "m3"),
      ...of("tablet-server", "ts1", "ts2", "ts3", "ts4"),
    ];
    this.processes = [...this.#servers, new FabricatedFrontend(this.line, "fe1")];
  }

  process(name: string): FabricatedServer {
    return must(
      this.#servers.find((process) => process.name === name),
      name,
    );
  }

  /** The first of them leads. */
  group(tabletId: number, names: readonly string[]): FabricatedReplica[] {
    const voters = names.map((name, at) => ({
      replicaId: 10 * tabletId + at,
      serverId: this.process(name).serverId,
    })) as Member[];
    return names.map((name, at) => {
      const asked: number[] = [];
      const replica: FabricatedReplica = {
        tabletId,
        replicaId: 10 * tabletId + at,
        machine: {},
        closed: false,
        asked,
        transferLeadership: (to) => {
          asked.push(to);
          return { kind: "refused" };
        },
        raft: {
          role: at === 0 ? "leader" : "follower",
          term: 5,
          config: { voters, outgoing: [], learners: [] },
          configIndex: 1,
          commit: 9,
        },
      };
      this.process(name).replicas.push(replica);
      return replica;
    });
  }
}
