import { createHash } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import { access, mkdir, readFile, readlink, rmdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { readRegularFile } from '@iapeer/core/storage'

/** SIGHUP INT QUIT ILL TRAP ABRT BUS FPE KILL SEGV TERM SYS on Linux (signal(7)); other signals end no peer of ours. */
const FATAL = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 31]
/** Sent, and not ignored or already on its way. */
const FILTER = `(${FATAL.map((number) => `sig==${number}`).join('||')})&&result==0`
const BUFFER_KIB = '128'
const REMOVE_TRIES = 20

/** One tracing instance of ours, with one event on. */
export interface TraceInstance {
  readonly pipe: string
  /** `boot`: seconds since boot, sleep included, as /proc/uptime counts them. `mono`: without sleep. */
  readonly clock: 'boot' | 'mono'
  /** It was there already: what a daemon that was killed has left is still in it. */
  readonly takenOver: boolean
  /** Once nobody reads its pipe any more. */
  readonly remove: () => Promise<void>
}

function unavailable(why: string, hint: string, cause?: unknown): IapeerError {
  return new IapeerError(`signals cannot be witnessed: ${why}`, { code: 'no-signal-witness', hint, cause })
}

/** The octal escapes of /proc/mounts (fstab(5)). */
const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** Where tracefs is mounted, the usual place first; it is in a debugfs too. */
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

/** The numbering of processes that the kernel itself uses: what it traces is told in it, whoever reads (pid_namespaces(7)). */
const INITIAL_PIDS = 'pid:[4026531836]'

const numberingOfPids = (): Promise<string> => readlink('/proc/self/ns/pid')

/** The tracefs that this user may write, and understands. @throws IapeerError `no-signal-witness` */
export async function assertTracefs(): Promise<string> {
  if (process.platform === 'linux' && (await numberingOfPids()) !== INITIAL_PIDS)
    throw unavailable(
      'this container has a numbering of processes of its own, and the kernel tells of others',
      'Run the daemon on the host, or the container with the pids of the host.',
    )
  const mount = await findTracefs()
  if (mount !== undefined) return mount
  throw unavailable(
    'there is no tracefs that this user may use',
    'It needs Linux, and root (or a tracefs that your group may write): mount -t tracefs nodev /sys/kernel/tracing',
  )
}

/** What a killed daemon of this root has left in the kernel, where this user can see it. For when none runs. */
export async function staleTraceInstance(
  root: string,
): Promise<{ readonly path: string; readonly remove: () => Promise<void> } | undefined> {
  const mount = await findTracefs()
  if (mount === undefined) return undefined
  const path = join(mount, 'instances', await instanceName(root))
  return existsSync(path) ? { path, remove: () => removeInstance(path) } : undefined
}

/** One for a root, and for the numbering of processes that it is seen in: two containers may have roots of one path. */
async function instanceName(root: string): Promise<string> {
  const space = await numberingOfPids()
  return `iapeer-${createHash('sha256').update(`${space}\n${root}`).digest('hex').slice(0, 16)}`
}

async function makeDirectory(path: string): Promise<'made' | 'there'> {
  try {
    await mkdir(path)
    return 'made'
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return 'there'
    throw unavailable(
      `${path} cannot be made`,
      'It needs root, or a tracefs that your group may write.',
      error,
    )
  }
}

/** A clock that counts sleep first; kernels before 4.14 have none. */
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
  for (let left = REMOVE_TRIES; ; left--) {
    try {
      return await ignoreGone(rmdir(directory))
    } catch (error) {
      // Whoever read its pipe may be a moment in going; one that nobody listens to goes when it has something to say.
      if (errnoOf(error) !== 'EBUSY' || left === 0) throw error
      await ignoreGone(writeFile(join(directory, 'trace_marker'), 'end\n'))
      await sleep(50)
    }
  }
}

/** Where it is seen now: what it was made in may have been unmounted since. */
async function removeWherever(directory: string): Promise<void> {
  const mount = existsSync(directory) ? undefined : await findTracefs()
  await removeInstance(mount === undefined ? directory : join(mount, 'instances', basename(directory)))
}

async function configure(directory: string): Promise<void> {
  const set = (name: string, value: string): Promise<void> => writeFile(join(directory, name), value)
  await set('buffer_size_kb', BUFFER_KIB)
  // Readers are woken by the first event, not by a half-full buffer; kernels before 5.0 always do so.
  await set('buffer_percent', '0').catch(serverGoneError)
  await set('options/record-tgid', '1').catch(serverGoneError)
  await set('events/signal/signal_generate/filter', FILTER)
  await set('events/signal/signal_generate/enable', '1')
}

function rethrowUnlessSystemError(error: unknown): void {
  if (errnoOf(error) === undefined) throw error
}

/** An option that this kernel does not have. */
function serverGoneError(error: unknown): void {
  if (!['ENOENT', 'EINVAL', 'EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) throw error
}

/**
 * Makes the tracing instance of a root, or takes over the one that a killed daemon of this root has left. For whoever holds
 * the daemon's lock. No other tracer's instance, nor what they share, is touched.
 * @throws IapeerError `no-signal-witness`
 */
export async function openTraceInstance(root: string): Promise<TraceInstance> {
  const directory = join(await assertTracefs(), 'instances', await instanceName(root))
  const takenOver = (await makeDirectory(directory)) === 'there'
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
      remove: () => removeWherever(directory),
    }
  } catch (error) {
    await rmdir(directory).catch(rethrowUnlessSystemError)
    const hint = 'See that its kernel has tracepoints (CONFIG_TRACEPOINTS).'
    throw unavailable('the tracing instance cannot be set up', hint, error)
  }
}
