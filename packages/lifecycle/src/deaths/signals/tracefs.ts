import { createHash } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import { access, mkdir, readFile, readlink, rmdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { readRegularFile } from '@iapeer/core/storage'

/** SIGHUP INT QUIT ILL TRAP ABRT BUS FPE KILL SEGV PIPE TERM STKFLT XCPU XFSZ PWR SYS on Linux: each ends a process by default. */
const FATAL = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 24, 25, 30, 31]
/**
 * SIGUSR1 USR2 ALRM VTALRM PROF IO: these end a process by default too (signal(7)), and so do those from 34 on, but timers and
 * runtimes send many to threads. They are traced only if kill(2) (`code==0`) or sigqueue(3) sent them.
 */
const FATAL_FROM_OUTSIDE = [10, 12, 14, 26, 27, 29]
const oneOf = (signals: readonly number[]): string => signals.map((number) => `sig==${number}`).join('||')
/** `result==0`: delivered, neither ignored nor already pending. */
const FILTER = `(${oneOf(FATAL)}||((${oneOf(FATAL_FROM_OUTSIDE)}||sig>33)&&(code==0||code==-1)))&&result==0`
const BUFFER_KIB = '128'
const REMOVE_TRIES = 20

/** A trace instance of iapeer, with one event enabled. */
export interface TraceInstance {
  readonly pipe: string
  /** `boot`: seconds since boot, sleep included, as /proc/uptime counts them. `mono`: without sleep. */
  readonly clock: 'boot' | 'mono'
  /** Whether it existed already: it still holds the events since a daemon was killed. */
  readonly takenOver: boolean
  /** Removes the instance. Call it when no process reads its pipe any more. */
  readonly remove: () => Promise<void>
}

function unavailable(why: string, hint: string, cause?: unknown): IapeerError {
  return new IapeerError(`the signal witness cannot start: ${why}`, {
    code: 'no-signal-witness',
    hint,
    cause,
  })
}

/** Decodes the octal escapes of /proc/mounts (fstab(5)). */
const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** Returns where tracefs is mounted, paths in /sys first; a debugfs contains one too. */
export function tracefsMounts(mounts: string): string[] {
  const found = mounts.split('\n').flatMap((line) => {
    const [, path, type] = line.split(' ')
    if (path === undefined) return []
    if (type === 'tracefs') return [unescaped(path)]
    return type === 'debugfs' ? [join(unescaped(path), 'tracing')] : []
  })
  return found.sort((one, other) => Number(other.startsWith('/sys/')) - Number(one.startsWith('/sys/')))
}

async function isWritable(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK)
    return true
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

async function findTracefs(): Promise<string | undefined> {
  const mounts = await readRegularFile('/proc/self/mounts')
  for (const mount of tracefsMounts(mounts?.text ?? '')) {
    if (await isWritable(join(mount, 'instances'))) return mount
  }
  return undefined
}

/**
 * The initial pid namespace: a trace has the pids of this namespace, whichever namespace its reader is in
 * (pid_namespaces(7)).
 */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]'

const pidNamespace = (): Promise<string> => readlink('/proc/self/ns/pid')

/**
 * Returns the path of a tracefs that this user can write and whose pids are those of this process.
 * @throws IapeerError `no-signal-witness`
 */
export async function assertTracefs(): Promise<string> {
  if (process.platform === 'linux' && (await pidNamespace()) !== INITIAL_PID_NAMESPACE)
    throw unavailable(
      'this process runs in a pid namespace of its own, and the kernel traces the pids of the host',
      'Run the daemon on the host, or the container in the pid namespace of the host (docker run --pid=host).',
    )
  const mount = await findTracefs()
  if (mount !== undefined) return mount
  throw unavailable(
    'this user cannot write a tracefs here',
    'It needs Linux, and root or a tracefs that your group can write. To mount one: mount -t tracefs nodev /sys/kernel/tracing',
  )
}

/** Finds the trace instance that a killed daemon of this root left in the kernel. The caller makes sure that no daemon runs. */
export async function staleTraceInstance(
  root: string,
): Promise<{ readonly path: string; readonly remove: () => Promise<void> } | undefined> {
  const mount = await findTracefs()
  if (mount === undefined) return undefined
  const path = join(mount, 'instances', await instanceName(root))
  return existsSync(path) ? { path, remove: () => removeInstance(path) } : undefined
}

/** Returns the name of the instance of a root in this pid namespace: two containers can have roots of the same path. */
async function instanceName(root: string): Promise<string> {
  const space = await pidNamespace()
  return `iapeer-${createHash('sha256').update(`${space}\n${root}`).digest('hex').slice(0, 16)}`
}

async function makeDirectory(path: string): Promise<'created' | 'existed'> {
  try {
    await mkdir(path)
    return 'created'
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return 'existed'
    throw unavailable(
      `cannot create ${path}`,
      'It needs root, or a tracefs that your group can write.',
      error,
    )
  }
}

/** Selects the clock `boot`, else `mono`: kernels before 4.14 have no clock that counts sleep. */
async function setClock(directory: string, clocks: string): Promise<'boot' | 'mono'> {
  const clock = clocks.includes('boot') ? 'boot' : 'mono'
  await writeFile(join(directory, 'trace_clock'), clock)
  return clock
}

async function ignoreGone(act: Promise<unknown>): Promise<void> {
  try {
    await act
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

async function removeInstance(directory: string): Promise<void> {
  await ignoreGone(writeFile(join(directory, 'events/signal/signal_generate/enable'), '0'))
  for (let triesLeft = REMOVE_TRIES; ; triesLeft--) {
    try {
      return await ignoreGone(rmdir(directory))
    } catch (error) {
      // A reader of its pipe may still be exiting; an orphaned one exits at the next event that it cannot pass on.
      if (errnoOf(error) !== 'EBUSY' || triesLeft === 0) throw error
      await ignoreGone(writeFile(join(directory, 'trace_marker'), 'end\n'))
      await sleep(50)
    }
  }
}

/** Removes an instance by its present path: the tracefs that it was created in may have been unmounted since. */
async function removeAnywhere(directory: string): Promise<void> {
  const mount = existsSync(directory) ? undefined : await findTracefs()
  await removeInstance(mount === undefined ? directory : join(mount, 'instances', basename(directory)))
}

async function configure(directory: string): Promise<void> {
  const set = (name: string, value: string): Promise<void> => writeFile(join(directory, name), value)
  await set('buffer_size_kb', BUFFER_KIB)
  // Wakes readers at the first event instead of a half-full buffer; kernels before 5.0 always do so.
  await set('buffer_percent', '0').catch(ignoreUnsupported)
  await set('options/record-tgid', '1').catch(ignoreUnsupported)
  await set('events/signal/signal_generate/filter', FILTER)
  await set('events/signal/signal_generate/enable', '1')
}

function rethrowUnlessSystemError(error: unknown): void {
  if (errnoOf(error) === undefined) throw error
}

/** Ignores that this kernel does not have an option. */
function ignoreUnsupported(error: unknown): void {
  if (!['ENOENT', 'EINVAL', 'EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) throw error
}

/**
 * Creates the trace instance of a root, or takes over the one that a killed daemon of this root left. The caller holds the
 * lock of the daemon. Instances of other tracers, and settings that they share, are not changed.
 * @throws IapeerError `no-signal-witness`
 */
export async function openTraceInstance(root: string): Promise<TraceInstance> {
  const directory = join(await assertTracefs(), 'instances', await instanceName(root))
  const takenOver = (await makeDirectory(directory)) === 'existed'
  try {
    const clocks = await readFile(join(directory, 'trace_clock'), 'utf8')
    // Setting a clock empties the buffer.
    const current = /\[(boot|mono)\]/.exec(clocks)?.[1]
    const clock = current === 'boot' || current === 'mono' ? current : await setClock(directory, clocks)
    await configure(directory)
    return {
      pipe: join(directory, 'trace_pipe'),
      clock,
      takenOver,
      remove: () => removeAnywhere(directory),
    }
  } catch (error) {
    await rmdir(directory).catch(rethrowUnlessSystemError)
    const hint = 'Check that the kernel has tracepoints (CONFIG_TRACEPOINTS).'
    throw unavailable('the trace instance cannot be configured', hint, error)
  }
}
