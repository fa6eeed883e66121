// A memory cgroup with a limit, memory in it that can be taken and freed, and the kernel log, for memory-deaths.mjs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const MIB = 2 ** 20
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Returns the content of a file; undefined if it cannot be read, as that of a process that is gone. */
function textOf(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === undefined) throw error
    return undefined
  }
}

/** Returns the start time of a process in ticks since boot (proc_pid_stat(5)); undefined if it is gone or a zombie. */
export function startOf(pid) {
  const words =
    textOf(`/proc/${pid}/stat`)
      ?.replace(/^.*\) /s, '')
      .split(' ') ?? []
  return words[0] === 'Z' || words[0] === 'X' ? undefined : words[19]
}

/** Returns the resident memory of a process, in bytes; 0 if it is gone. */
export function residentBytes(pid) {
  const [, kib] = /^VmRSS:\s*(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`) ?? '') ?? []
  return Number(kib ?? 0) * 1_024
}

/** Returns a value of the memory of the host, such as `MemAvailable`, in bytes. */
export const hostBytes = (name) =>
  Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(textOf('/proc/meminfo') ?? '')?.[1] ?? 0) * 1_024

const V1 = {
  mount: '/sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  swap: 'memory.memsw.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  files: 'total_inactive_file',
  kills: 'memory.oom_control',
}
const V2 = {
  mount: '/sys/fs/cgroup',
  limit: 'memory.max',
  swap: 'memory.swap.max',
  usage: 'memory.current',
  files: 'inactive_file',
  kills: 'memory.events',
}

/** A memory cgroup of its own, with version 1 or 2. Everything that runs in it was started by its creator. */
export class MemoryCgroup {
  #version
  #path
  #limitBytes

  /** @throws Error if the host has no memory controller, or this user may not make a cgroup */
  constructor(limitBytes) {
    const isV1 = existsSync(join(V1.mount, V1.limit))
    const controllers = textOf(join(V2.mount, 'cgroup.subtree_control')) ?? ''
    if (!isV1 && !/\bmemory\b/.test(controllers)) throw new Error('no memory controller is mounted')
    this.#version = isV1 ? V1 : V2
    this.#limitBytes = limitBytes
    this.#path = join(this.#version.mount, `iapeer-memory-${process.pid}`)
    mkdirSync(this.#path)
    const { limit, swap } = this.#version
    writeFileSync(join(this.#path, limit), String(limitBytes))
    // Memory that moves to the swap would not run out. Version 1 limits memory and swap together.
    if (hostBytes('SwapTotal') > 0) writeFileSync(join(this.#path, swap), isV1 ? String(limitBytes) : '0')
  }

  #read(file) {
    return textOf(join(this.#path, file)) ?? ''
  }

  /** What is left of the limit, in bytes. File pages that are given back at the limit count as left. */
  get availableBytes() {
    const { usage, files } = this.#version
    const reclaimable = Number(new RegExp(`^${files} (\\d+)$`, 'm').exec(this.#read('memory.stat'))?.[1] ?? 0)
    return this.#limitBytes - Math.max(0, Number(this.#read(usage)) - reclaimable)
  }

  /** How many of its processes the kernel OOM killer has killed. */
  get kills() {
    return Number(/^oom_kill (\d+)$/m.exec(this.#read(this.#version.kills))?.[1] ?? Number.NaN)
  }

  get pids() {
    return this.#read('cgroup.procs').split('\n').filter(Boolean).map(Number)
  }

  /** Starts a program in it. */
  spawn(argv, options) {
    const script = 'echo $$ >"$0" && exec "$@"'
    return spawn('/bin/sh', ['-c', script, join(this.#path, 'cgroup.procs'), ...argv], options)
  }

  /** Kills what is in it, and removes it. */
  async remove() {
    const end = performance.now() + 20_000
    while (existsSync(this.#path)) {
      for (const pid of this.pids) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch (error) {
          if (error.code !== 'ESRCH') throw error
        }
      }
      try {
        rmdirSync(this.#path)
      } catch (error) {
        // A process that is exiting still counts.
        if (error.code !== 'EBUSY' || performance.now() > end) throw error
      }
      await sleep(50)
    }
  }
}

const HOG = String.raw`
  $| = 1; open(my $file, '>>', shift) or die "$!\n"; my $mebibyte = 'x' x (1 << 20);
  while (<STDIN>) { for (1 .. $_) { syswrite($file, $mebibyte) } print "done\n" }`

/**
 * Memory of a cgroup that grows and shrinks as it is told: a file in memory. The OOM killer cannot free it, because it belongs to no
 * process: the one that writes it stays small.
 */
export class Hog {
  #path = `/dev/shm/iapeer-memory-${process.pid}`
  #child
  #lines

  constructor(cgroup) {
    this.#child = cgroup.spawn(['perl', '-e', HOG, this.#path], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdin.on('error', () => undefined)
    this.#lines = createInterface({ input: this.#child.stdout })
  }

  /** Takes more memory. */
  async grow(mib) {
    const done = once(this.#lines, 'line', { signal: AbortSignal.timeout(30_000) })
    this.#child.stdin.write(`${Math.ceil(mib)}\n`)
    await done
  }

  /** Frees some of its memory, at once. @param mib @default all of it */
  shrink(mib = Number.POSITIVE_INFINITY) {
    const { size } = statSync(this.#path)
    truncateSync(this.#path, Math.max(0, size - mib * MIB))
  }

  remove() {
    this.#child.kill('SIGKILL')
    rmSync(this.#path, { force: true })
  }
}

/** Follows the kernel log. */
export class KernelLog {
  #child = spawn('cat', ['/dev/kmsg'], { stdio: ['ignore', 'pipe', 'ignore'] })
  #found = new Set()
  #isRead = false

  constructor() {
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#isRead = true
      const [, pid] = /Killed process (\d+)/.exec(line) ?? []
      if (pid !== undefined) this.#found.add(Number(pid))
    })
  }

  /** Forgets what was read until now. */
  clear() {
    this.#found.clear()
  }

  /** The pids that the OOM killer named since {@link clear}; undefined if the log cannot be read. */
  get victims() {
    return this.#isRead ? this.#found : undefined
  }

  close() {
    this.#child.kill('SIGKILL')
  }
}
