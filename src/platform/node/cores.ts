import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { ConfigError } from '../../errors.ts';

/**
 * Returns the useful number of threads: one per physical core where Linux lists them, since hyperthreads share the units that
 * convolutions use, else as many as the process may use; and no more than the CPU quota of a container, rounded up.
 */
export function usefulThreads(): number {
  const unlimited = Number.POSITIVE_INFINITY;
  const isLinux = process.platform === 'linux';
  const cores = isLinux ? coresIn(readText('/proc/cpuinfo') ?? '') : undefined;
  const quota = isLinux ? quotaIn(readText) : undefined;
  return Math.max(1, Math.min(cores ?? unlimited, Math.ceil(quota ?? unlimited), availableParallelism()));
}

/** Returns the contents of a file of the system; undefined if it is not there. */
type ReadText = (path: string) => string | undefined;

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // not mounted
  }
};

/**
 * Returns the CPUs that control groups allow (`docker --cpus`, the limits of Kubernetes), maybe a fraction; undefined without
 * a quota. Every group above counts. In a container the path of the group may be that of the host, of which only the
 * upper end exists.
 */
export function quotaIn(read: ReadText): number | undefined {
  const quotas: number[] = [];
  const add = (quota: string | undefined, period: string | undefined) => {
    const cpus = Number(quota) / Number(period);
    if (Number(quota) > 0 && Number.isFinite(cpus)) quotas.push(cpus); // "max" and -1 are no quota
  };
  for (const line of (read('/proc/self/cgroup') ?? '0::/').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers === '') {
      for (const group of groupsAbove(path)) {
        const [quota, period] = (read(`/sys/fs/cgroup${group}/cpu.max`) ?? '').trim().split(/\s+/);
        add(quota, period);
      }
    } else if (controllers.split(',').includes('cpu')) {
      for (const group of groupsAbove(path)) {
        for (const mount of new Set([controllers, 'cpu', 'cpu,cpuacct'])) {
          const folder = `/sys/fs/cgroup/${mount}${group}`;
          add(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`));
        }
      }
    }
  }
  return quotas.length > 0 ? Math.min(...quotas) : undefined;
}

/** `/a/b` → `/a/b`, `/a` and the root, which is empty. */
function groupsAbove(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return [...parts.keys()].map((i) => `/${parts.slice(0, parts.length - i).join('/')}`).concat('');
}

/**
 * Limits a caller's number of threads to what the process may use. More would wait for each other, and far more never finish.
 *
 * @throws ConfigError if it is not a whole number of at least 1
 */
export function allowedThreads(threads: unknown, most = availableParallelism()): number {
  if (typeof threads !== 'number' || !Number.isInteger(threads) || threads < 1) {
    const found = typeof threads === 'string' ? `"${threads}"` : `${threads}`;
    throw new ConfigError(
      `\`threads\` must be a whole number of at least 1, got ${found}. By default it is ${usefulThreads()} on this machine.`,
    );
  }
  return Math.min(threads, most);
}

/** Counts the distinct pairs of socket and core in the text of `/proc/cpuinfo`. Returns undefined if it names none (ARM). */
export function coresIn(cpuinfo: string): number | undefined {
  const cores = new Set<string>();
  for (const processor of cpuinfo.split(/\n\s*\n/)) {
    const core = /^core id\s*:\s*(\d+)/m.exec(processor)?.[1];
    if (core !== undefined) cores.add(`${/^physical id\s*:\s*(\d+)/m.exec(processor)?.[1] ?? 0}:${core}`);
  }
  return cores.size > 0 ? cores.size : undefined;
}
