#!/usr/bin/env node
import './small-heap.ts'
import { closeSync, readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { errnoOf, IapeerError, isIapeerError, systemHint } from '@iapeer/core/errors'
import { exitCodeOf } from '@iapeer/core/errors/catalogue'
import { runProgram } from '@iapeer/core/exec'
import { locateDaemon } from '@iapeer/core/locate'
import { iapeerRoot } from '@iapeer/core/paths'
import { startDaemon } from '@iapeer/host'
import { superviseFleet } from '@iapeer/lifecycle/fleet'
import { preloadLifecycle } from '@iapeer/lifecycle/launch'
import { ConfigReload } from './config-reload.ts'
import { type Daemon, runDaemon } from './daemon.ts'
import { eventLogSource } from './event-source.ts'
import { problemsOf } from './local-fleet.ts'
import { OwnProgram } from './own-program.ts'
import { showAsDaemon } from './process-name.ts'
import { stripDaemonEnv } from './strip-daemon-env.ts'
import { VERSION } from './version.ts'

const HELP = `iapeerd ${VERSION}: the daemon that supervises the peers of a root and serves the API.

  iapeerd [--root <directory>]                start in the background, and wait until the daemon answers
  iapeerd [--root <directory>] --foreground   run in the foreground, for a service manager or for debugging

  --root <directory>   the root (default: $IAPEER_ROOT, else ~/.iapeer)
  --report             print one line of JSON when the daemon has started, or the error if it has not
  -h, --help           print this help
  -V, --version        print the version

Set IAPEER_PORT to also serve the API on 127.0.0.1; this needs IAPEER_BEARER_TOKEN (16 characters or more).
Exit codes: 0 ok, 1 failed, 2 invalid option or setting.
`

interface Failure {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

function failureOf(error: unknown): Failure {
  if (isIapeerError(error)) {
    const { code, message, hint } = error
    return hint === undefined ? { code, message } : { code, message, hint }
  }
  const hint = systemHint(error)
  return {
    code: errnoOf(error) ?? 'internal',
    message: error instanceof Error ? error.message : String(error),
    ...(hint === undefined ? {} : { hint }),
  }
}

function fail(error: unknown, report: boolean): void {
  const failure = failureOf(error)
  if (report) process.stdout.write(`${JSON.stringify({ state: 'failed', ...failure })}\n`)
  process.stderr.write(
    `iapeerd: ${failure.message}\n${failure.hint === undefined ? '' : `  ${failure.hint}\n`}`,
  )
  process.exitCode = exitCodeOf(failure.code)
}

/** Stops the daemon after an unexpected error. The peers keep running. */
function stopOnUnexpectedError(daemon: Daemon): void {
  for (const event of ['unhandledRejection', 'uncaughtException'] as const)
    process.on(event, (error: unknown) => {
      daemon.log.fatal({ err: error }, `${event}: iapeerd exits`)
      process.exitCode = 1
      setTimeout(() => process.exit(1), 5_000).unref()
      void daemon.stop(event).finally(() => process.exit(1))
    })
}

/** Stops the daemon when it does not own its root any more: two daemons of one root would both start its peers. */
async function stopWhenLost(daemon: Daemon): Promise<void> {
  const why = await daemon.lost
  setTimeout(() => process.exit(1), 5_000).unref()
  await daemon.stop(why)
  process.exit(1)
}

/** Stops the daemon after TERM, INT or HUP; a second signal exits immediately. */
function stopOnSignal(daemon: Daemon): void {
  let isStopping = false
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (isStopping) process.exit(1)
      isStopping = true
      // The limit holds even if a step hangs. Nothing is lost: all state is on disk.
      setTimeout(() => process.exit(1), 5_000).unref()
      void daemon.stop(signal).then(() => process.exit(0))
    })
}

/**
 * Closes the descriptors that this process inherited from the process that started it in the background: a lock, for example, must not be
 * held as long as the daemon runs. Node.js opens its own descriptors with O_CLOEXEC, so those without it were inherited (fdinfo: flag
 * 02000000 is O_CLOEXEC, proc(5)).
 */
function closeInherited(): void {
  if (process.platform !== 'linux') return
  for (const descriptor of readdirSync('/proc/self/fd').map(Number)) {
    if (descriptor <= 2) continue
    try {
      const flags = /^flags:\s+([0-7]+)$/m.exec(
        readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'),
      )?.[1]
      if (flags !== undefined && (Number.parseInt(flags, 8) & 0o2000000) === 0) closeSync(descriptor)
    } catch (error) {
      // The descriptor of the listed directory is closed by now.
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
}

async function runInForeground(root: string, report: boolean): Promise<void> {
  showAsDaemon(root)
  if (report) closeInherited()
  const env = stripDaemonEnv(process.env)
  // Programs of the peers use the same root.
  process.env['IAPEER_ROOT'] = root
  const config = new ConfigReload(root, env)
  const program = new OwnProgram(locateDaemon(import.meta.url))
  const problems = () => [...config.problems(), ...program.problems()]
  await preloadLifecycle()
  let supervisor: ReturnType<typeof superviseFleet> | undefined
  const daemon = await runDaemon({
    root,
    env,
    human: process.stderr.isTTY === true,
    events: eventLogSource(root),
    problems,
    supervisor: (log) => {
      supervisor = superviseFleet(root, {
        problems: async () => [...(await problemsOf(root)), ...problems()],
        onError: (what, error) => log.error({ err: error, what }, 'supervision'),
      })
      return supervisor
    },
    runProgram,
  })
  void config.follow(daemon.log, async () => supervisor?.reload())
  stopOnUnexpectedError(daemon)
  stopOnSignal(daemon)
  void stopWhenLost(daemon)
  const { socketPath, port } = daemon
  if (report)
    process.stdout.write(
      `${JSON.stringify({ state: 'up', pid: process.pid, socketPath, ...(port ? { port } : {}) })}\n`,
    )
}

async function runInBackground(root: string): Promise<void> {
  const { state, health } = await startDaemon(root, {
    argv: [process.execPath, locateDaemon(import.meta.url)],
  })
  process.stdout.write(
    `iapeerd ${state === 'already' ? 'is already running' : 'started'}: pid ${health.pid}\n`,
  )
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        root: { type: 'string' },
        foreground: { type: 'boolean' },
        report: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'V' },
      },
    }).values
  } catch (error) {
    if (!errnoOf(error)?.startsWith('ERR_PARSE_ARGS')) throw error
    throw new IapeerError(error instanceof Error ? error.message : String(error), {
      code: 'usage',
      hint: 'iapeerd --help lists the options.',
    })
  }
}

// A reader that closes the pipe does not stop the daemon.
for (const output of [process.stdout, process.stderr])
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exitCode = 1
  })

const report = process.argv.includes('--report')
try {
  const options = readOptions()
  if (options.root === '')
    throw new IapeerError('--root is empty', { code: 'usage', hint: 'iapeerd --help lists the options.' })
  const root = iapeerRoot(options.root === undefined ? process.env : { IAPEER_ROOT: options.root })
  if (options.help) process.stdout.write(HELP)
  else if (options.version) process.stdout.write(`${VERSION}\n`)
  else if (options.foreground) await runInForeground(root, report)
  else await runInBackground(root)
} catch (error) {
  fail(error, report)
}
