import { createHash } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { type ErrorCode, IapeerError } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import {
  formatProcessId,
  identifyProcess,
  isSameProcess,
  observeProcess,
  observeSocket,
  type ProcessId,
  readBoot,
} from '@iapeer/core/process'
import { findServers, isRefused, withServerPrograms } from '../process/server-program.ts'
import {
  findTmux,
  OWN_PROGRAM_PATH,
  runTool,
  type StartedRecorder,
  scriptEnv,
  startDetached,
  type ToolResult,
} from '../process/spawn.ts'
import { terminateProcess } from '../process/terminate-process.ts'
import { logLifecycle } from '../records/log.ts'
import { checkSocketPath, socketIdOf } from '../records/options.ts'
import { reconcileRecords } from '../records/reconcile.ts'
import { generationInputs } from '../records/settle.ts'
import {
  type CanaryRecord,
  parseGenerationName,
  readCanaryRecord,
  readCanaryRecords,
} from '../records/state-file.ts'
import { installAssets, makeDirectories } from '../scripts/assets.ts'

const ANSWER_LIMIT_MS = 3_000
const HANDSHAKE_LIMIT_MS = 5_000
const ARMING_LIMIT_MS = 2_000

export interface Armed {
  readonly state: 'spawned' | 'already'
  readonly gen: string
  readonly serverPid: number
}

function refuse(code: ErrorCode, message: string): never {
  throw new IapeerError(message, { code })
}

/** What the server on a socket answers. Asking it is the one step that needs a process. */
interface Answered {
  readonly server: ProcessId
  /** The state file of the guard that started the server for a peer; empty for any other server. */
  readonly peerState: string
}

const QUESTION = ['display-message', '-p', '#{pid} #{IAPEER_HOOK_STATE}']

function ask(tmux: string, socketPath: string): Promise<ToolResult> {
  return runTool(tmux, ['-S', socketPath, ...QUESTION], { env: scriptEnv({}), limitMs: ANSWER_LIMIT_MS })
}

/** @throws IapeerError `server-unresponsive`, `server-refused`, `no-server`, `server-unreadable` */
async function readAnswer(answer: ToolResult, socketPath: string): Promise<Answered> {
  if (answer.timedOut) {
    refuse(
      'server-unresponsive',
      `the tmux server at ${socketPath} did not answer within ${ANSWER_LIMIT_MS / 1000} s`,
    )
  }
  const output = answer.stderr.trim().split('\n')[0] ?? ''
  const [, digits = '', peerState = ''] = /^(\d+) ?(.*)$/.exec(answer.stdout.trim()) ?? []
  const pid = Number(digits)
  if (answer.exitCode !== 0 || !Number.isSafeInteger(pid) || pid <= 0) {
    if (isRefused(output))
      refuse(
        'server-refused',
        `the tmux server at ${socketPath} refuses this tmux (${output}): it runs another version of tmux, or it is exiting. Restart that server, or use the tmux that it runs`,
      )
    const [ghost] = (await observeSocket(socketPath)) === 'listening' ? [] : findServers(socketPath)
    if (ghost !== undefined)
      refuse(
        'no-server',
        `the tmux server ${ghost.pid} runs, but its socket ${socketPath} was removed. To make the socket anew: kill -USR1 ${ghost.pid}`,
      )
    refuse('no-server', `no tmux server answers at ${socketPath}${output === '' ? '' : ` (tmux: ${output})`}`)
  }
  const server = await identifyProcess(pid)
  if (server !== undefined) return { server, peerState }
  return refuse(
    'server-unreadable',
    `the tmux server at ${socketPath} (pid ${pid}) exited, or its start time cannot be read`,
  )
}

/** A server, and the tmux that can talk to it. */
interface Reached extends Answered {
  readonly client: Client
}

/**
 * Asks the server for its identity and passes the answer to `use`. If the server refuses this tmux, asks it with the server's
 * own program, which stays open while `use` runs.
 */
async function reachServer<T>(
  tmux: string,
  socketPath: string,
  use: (reached: Reached) => Promise<T>,
): Promise<T> {
  const answer = await ask(tmux, socketPath)
  if (isRefused(answer.stderr)) {
    const done = await withServerPrograms(socketPath, async (program) => {
      const own = await ask(program.path, socketPath)
      if (Number.parseInt(own.stdout, 10) !== program.process.pid) return undefined
      const answered = await readAnswer(own, socketPath)
      return { result: await use({ ...answered, client: { tmux, own: program.fd } }) }
    })
    if (done !== undefined) return done.result
  }
  return use({ ...(await readAnswer(answer, socketPath)), client: { tmux, own: undefined } })
}

/**
 * Throws if the server belongs to a peer of any root under another identity. It has a recorder, and a second one would record
 * a stop of the peer as a death.
 * @throws IapeerError `is-a-peer`
 */
function assertNotAPeer(layout: RecordLayout, identity: string, peerState: string): void {
  if (peerState === '') return
  const found = parseGenerationName(basename(peerState))
  const isOwn = resolve(dirname(peerState)) === layout.canaryDir
  if (isOwn && found !== undefined && found.identity === identity) return
  const name = found === undefined ? 'a peer' : `the peer ${found.identity}`
  const where = isOwn ? '' : ` of ${dirname(dirname(dirname(peerState)))}`
  refuse('is-a-peer', `this tmux server runs ${name}${where} and already has a recorder; nothing was armed`)
}

/** Returns the generation of a server: a hash of its process, so that two recorders never record one death twice. */
function generationOf(boot: string, server: ProcessId): string {
  return createHash('sha256')
    .update(`${boot} ${formatProcessId(server)}`)
    .digest('hex')
    .slice(0, 16)
}

/** Waits until the recorder that another process is starting has written its state file and is running. */
async function confirmArmed(layout: RecordLayout, name: { identity: string; gen: string }): Promise<boolean> {
  const isArmed = async (): Promise<boolean> => {
    const record = readCanaryRecord(layout, name)
    if (record === undefined || record === 'corrupt') return false
    return (await observeProcess(record.recorder)) === 'alive'
  }
  return (await waitUntil(isArmed, { limitMs: ARMING_LIMIT_MS })) === true
}

/** The tmux that a recorder runs as its client. */
interface Client {
  /** Path of the tmux on disk. */
  readonly tmux: string
  /** Open descriptor of the server's own program, if the server refuses the tmux on disk. */
  readonly own: number | undefined
}

interface Target {
  readonly identity: string
  readonly socketPath: string
  readonly server: ProcessId
  readonly boot: string
  readonly gen: string
}

/** Returns the first line of a recorder, then stops reading; undefined if it exited without one, or was killed for being late. */
async function firstLine(recorder: StartedRecorder): Promise<string | undefined> {
  const late = new Promise<'late'>((resolve) => setTimeout(resolve, HANDSHAKE_LIMIT_MS, 'late').unref())
  const first = await Promise.race([recorder.lines.next(), late])
  if (first === 'late') recorder.killGroup()
  recorder.release()
  return first === 'late' || first.done === true ? undefined : first.value
}

async function startWatch(layout: RecordLayout, client: Client, target: Target): Promise<Armed> {
  const lib = await installAssets(layout)
  const env = scriptEnv({
    ...generationInputs(layout, { ...target, recorder: undefined }, lib),
    IAPEER_SOCKET: target.socketPath,
    IAPEER_SOCKET_ID: await socketIdOf(target.socketPath),
    IAPEER_TMUX: client.own === undefined ? client.tmux : OWN_PROGRAM_PATH,
  })
  const armed = { gen: target.gen, serverPid: target.server.pid }
  const line = await firstLine(
    await startDetached(['/bin/sh', join(lib, 'watch.sh')], {
      env,
      cwd: '/',
      input: false,
      ...(client.own === undefined ? {} : { program: client.own }),
    }),
  )
  if (line === 'spawned') return { state: 'spawned', ...armed }
  if (line === 'already' && (await confirmArmed(layout, target))) return { state: 'already', ...armed }
  if (line?.startsWith('failed ')) return refuse('arming-failed', line.slice('failed '.length))
  return refuse(
    'arming-failed',
    line === 'already' ? 'another process did not finish arming this server' : 'the recorder did not report',
  )
}

async function reportLoss(layout: RecordLayout, lost: CanaryRecord): Promise<void> {
  const { identity, gen } = lost
  await logLifecycle(layout, { ev: 'canary', identity, gen, state: 'recorder-lost', origin: 'ensure' })
  if (lost.client !== undefined) await terminateProcess(lost.client)
}

async function armReached(
  layout: RecordLayout,
  request: { readonly identity: string; readonly socketPath: string },
  { server, peerState, client }: Reached,
): Promise<Armed> {
  const { identity, socketPath } = request
  assertNotAPeer(layout, identity, peerState)
  const known = readCanaryRecords(layout, identity).records.find((record) =>
    isSameProcess(record.server, server),
  )
  const boot = known?.boot ?? (await readBoot())
  const gen = known?.gen ?? generationOf(boot, server)
  const lost = known !== undefined && (await observeProcess(known.recorder)) === 'gone' ? known : undefined
  const armed = await startWatch(layout, client, { identity, socketPath, server, boot, gen })
  if (lost !== undefined && armed.state === 'spawned') await reportLoss(layout, lost)
  return armed
}

/**
 * Implements `ensureCanary` when no watch is armed: settles unrecorded deaths, asks the server for its identity, arms a watch.
 * @throws IapeerError for every reason that leaves the server unwatched; Node system errors of the directories
 */
export async function armWatch(
  layout: RecordLayout,
  request: { readonly identity: string; readonly socketPath: string; readonly tmux?: string },
): Promise<Armed> {
  const { identity } = request
  const socketPath = checkSocketPath(request.socketPath)
  await makeDirectories(layout)
  await reconcileRecords(layout, identity)
  return reachServer(findTmux(request.tmux), socketPath, (reached) =>
    armReached(layout, { identity, socketPath }, reached),
  )
}
