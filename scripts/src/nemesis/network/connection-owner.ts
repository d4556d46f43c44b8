/**
 * Who opened a connection on this machine: the kernel's table of TCP sockets tells the inode of its other end, and
 * the open files of the processes who holds it. Linux only; elsewhere nobody is known.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface KnownProcess {
  readonly id: string;
  readonly pid: number;
}

/** The id of each connection's owner, by the local port of its end; of those that are known. */
export function ownersOfPorts(
  ports: ReadonlySet<number>,
  processes: readonly KnownProcess[],
): ReadonlyMap<number, string> {
  const portsByInode = inodesOf(ports);
  const owners = new Map<number, string>();
  if (portsByInode.size === 0) return owners;
  for (const { id, pid } of processes) {
    for (const inode of socketsOf(pid)) {
      const port = portsByInode.get(inode);
      if (port !== undefined) owners.set(port, id);
    }
  }
  return owners;
}

export function canTellOwners(): boolean {
  return process.platform === "linux";
}

/** Lines of /proc/net/tcp: number, local and remote address as hex `ip:port`, ..., the inode tenth. */
function inodesOf(ports: ReadonlySet<number>): Map<string, number> {
  const inodes = new Map<string, number>();
  for (const line of readFileSync("/proc/net/tcp", "latin1").split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    const port = Number.parseInt(fields[1]?.split(":")[1] ?? "", 16);
    const inode = fields[9];
    // Of a socket that nobody holds any more the inode is 0.
    if (ports.has(port) && inode !== undefined && inode !== "0") inodes.set(inode, port);
  }
  return inodes;
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((name) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(linkOrNothing(`${folder}/${name}`)) ?? [];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    // It ended.
    return [];
  }
}

/** A file may be closed between listing and looking. */
function linkOrNothing(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
