import { readFile } from 'node:fs/promises'
import { isRefused } from '@iapeer/canary'
import { mapLimit } from '@iapeer/core/async'
import { findProgram } from '@iapeer/core/exec'
import { hasProcfs, observeProcess } from '@iapeer/core/process'
import { listSessions, type PeerSession } from '@iapeer/lifecycle/sessions'
import {
  runOnServer,
  runsAnotherFile,
  runTmux,
  TmuxServer,
  tmuxVersion,
  type Unreachable,
} from '@iapeer/tmux'
import type { Check, DoctorContext, Finding } from '../finding.ts'

const tmuxOf = ({ system }: DoctorContext): Promise<string | undefined> =>
  findProgram('tmux', system.env['PATH'] ?? '', '/')

const number = (version: string): number => {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? []
  return major === undefined || minor === undefined
    ? Number.POSITIVE_INFINITY
    : Number(major) * 100 + Number(minor)
}

/** Whether a tmux misses exits of its own children: versions 3.2 to 3.5 with utempter do. */
async function losesDeaths(tmux: string, version: string): Promise<boolean> {
  const at = number(version)
  return at >= 302 && at < 306 && (await readFile(tmux)).includes('libutempter')
}

const MISSING: Finding = {
  id: 'tmux-missing',
  level: 'error',
  what: 'tmux was not found in PATH',
  fix: 'Install tmux 3.3 or newer (apt-get install tmux, brew install tmux).',
}

async function runTmuxVersion(context: DoctorContext): Promise<Finding[]> {
  const tmux = await tmuxOf(context)
  if (tmux === undefined) return [MISSING]
  const { text, degraded } = await tmuxVersion(tmux)
  if (degraded.includes('no-guard'))
    return [
      {
        id: 'tmux-no-guard',
        level: 'warning',
        what: `tmux ${text} cannot run in the foreground: the cause of a server's death is not known exactly`,
        where: tmux,
        fix: 'Install tmux 3.3 or newer.',
      },
    ]
  if (degraded.includes('no-dead-signal'))
    return [
      {
        id: 'tmux-no-dead-signal',
        level: 'warning',
        what: `tmux ${text} does not report signals: a killed program looks as if it had exited normally`,
        where: tmux,
        fix: 'Install tmux 3.3 or newer.',
      },
    ]
  const findings: Finding[] = [{ id: 'tmux-version', level: 'ok', what: `tmux ${text}` }]
  if (await losesDeaths(tmux, text))
    findings.push({
      id: 'tmux-lost-sigchld',
      level: 'note',
      what: `tmux ${text} with utempter sometimes misses that a program exited; iapeer works around it, no action is needed`,
      where: tmux,
    })
  return findings
}

export const tmux: Check = { id: 'tmux', title: 'tmux', group: 'tmux', run: runTmuxVersion }

const ASK_MS = 2_000
const AT_ONCE = 8

/** Returns the sessions whose tmux server is running. */
export async function runningSessions(root: string): Promise<PeerSession[]> {
  const sessions = await listSessions(root)
  const liveness = await Promise.all(sessions.map((session) => observeProcess(session.server)))
  return sessions.filter((_session, at) => liveness[at] === 'alive')
}

/** The versions of one server and of the tmux on the PATH, and whether they work together. */
export interface ServerVersion {
  readonly identity: string
  readonly socketPath: string
  /** The version on the PATH, for example `3.3a`. */
  readonly client: string
  /** The version of the server; undefined if only the server's own program could report it and iapeer cannot run that program. */
  readonly server: string | undefined
  /** Whether the server accepts commands of the tmux on the PATH. */
  readonly isAccepted: boolean
  /** Whether iapeer can run the server's own program: on Linux, as long as its libraries exist. */
  readonly hasOwnProgram: boolean
}

/** Returns the finding about a difference of versions; undefined if the versions are equal. */
export function describeVersions(found: ServerVersion): Finding | undefined {
  const { identity, client, server, isAccepted, hasOwnProgram, socketPath } = found
  if (isAccepted && server === client) return undefined
  const runs = `the tmux server of ${identity} runs ${server === undefined ? 'another version' : `version ${server}`}`
  const works = hasOwnProgram
    ? "iapeer works, because it uses the server's own program if needed"
    : 'the peer keeps running and its death will be recorded'
  const rest = { where: socketPath, fix: `Restart the peer when convenient: iapeer restart ${identity}` }
  if (isAccepted)
    return {
      id: 'tmux-server-version',
      level: 'warning',
      what: `${runs}, but the installed tmux is ${client}: commands work, but attaching with tmux itself may fail; ${works}`,
      ...rest,
    }
  return {
    id: 'tmux-server-refuses',
    level: hasOwnProgram ? 'warning' : 'error',
    what: `${runs} and refuses tmux ${client}: ${hasOwnProgram ? '' : 'attach, send-keys and messages fail; '}${works}`,
    ...rest,
  }
}

/** Returns the finding about a running server that clients do not reach. */
export const socketFinding = (
  identity: string,
  lost: Unreachable & { readonly socketPath: string; readonly pid: number },
): Finding => ({
  id: 'tmux-server-unreachable',
  level: 'error',
  what: `the tmux server of ${identity} runs (pid ${lost.pid}), but ${lost.what}`,
  where: lost.socketPath,
  fix: lost.fix,
})

async function askServer(
  tmux: string,
  client: string,
  { identity, socketPath, server }: PeerSession,
): Promise<Finding | undefined> {
  const lost = await new TmuxServer({ socketPath, process: server }).unreachable()
  if (lost !== undefined) return socketFinding(identity, { ...lost, socketPath, pid: server.pid })
  const call = { socketPath, args: ['display-message', '-p', '#{version}'], tmux, timeoutMs: ASK_MS }
  const answer = await runTmux(call)
  const isAccepted = answer.exitCode === 0
  const own = !isAccepted && isRefused(answer.stderr) ? await runOnServer(server, call) : undefined
  const hasOwnProgram = isAccepted ? hasProcfs() : own?.exitCode === 0
  const versions = { identity, socketPath, client, isAccepted, hasOwnProgram }
  if (isAccepted) return describeVersions({ ...versions, server: answer.stdout.trim() })
  if (own?.exitCode === 0) return describeVersions({ ...versions, server: own.stdout.trim() })
  if (own !== undefined && (await runsAnotherFile(server, tmux)))
    return describeVersions({ ...versions, server: undefined })
  return {
    id: 'tmux-server-silent',
    level: 'warning',
    what: `the tmux server of ${identity} is unresponsive: ${answer.timedOut ? `no answer within ${ASK_MS / 1_000} s` : answer.stderr.trim()}`,
    where: socketPath,
    fix: `Restart the peer: iapeer restart --fresh ${identity}`,
  }
}

async function runServerVersions(context: DoctorContext): Promise<Finding[]> {
  const tmux = await tmuxOf(context)
  const sessions = tmux === undefined ? [] : await runningSessions(context.root)
  if (tmux === undefined || sessions.length === 0) return []
  const { text } = await tmuxVersion(tmux)
  const answers = await mapLimit(sessions, AT_ONCE, (session) => askServer(tmux, text, session))
  const findings = answers.filter((finding) => finding !== undefined)
  const what =
    sessions.length === 1
      ? `1 tmux server answers, version ${text}`
      : `${sessions.length} tmux servers answer, all version ${text}`
  return findings.length > 0
    ? findings.toSorted((a, b) => a.what.localeCompare(b.what))
    : [{ id: 'tmux-servers', level: 'ok', what }]
}

export const tmuxServers: Check = {
  id: 'tmux-servers',
  title: 'tmux servers of peers',
  group: 'tmux',
  run: runServerVersions,
}
