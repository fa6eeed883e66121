import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { isIdentity } from '@iapeer/core/identity'
import { type Death, readDeaths } from '../records/deaths.ts'
import { reconcile } from '../records/reconcile.ts'
import { defaultSocketPath, identityForSocket } from '../watch/default-socket.ts'
import { dismissCanary } from '../watch/dismiss.ts'
import { ensureCanary } from '../watch/ensure-canary.ts'
import { listCanaries } from '../watch/status.ts'
import { USAGE, UsageError } from './usage.ts'

interface Call {
  readonly recordDir: string
  readonly identity: string | undefined
  readonly operand: string | undefined
}

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

function defaultRecordDir(env: NodeJS.ProcessEnv): string {
  const stateHome = env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state')
  return env['IAPEER_CANARY_DIR'] || join(stateHome, 'iapeer-canary')
}

async function watch(call: Call): Promise<number> {
  const socketPath = call.operand ?? defaultSocketPath()
  const identity = call.identity ?? identityForSocket(socketPath)
  const result = await ensureCanary({ identity, socketPath, recordDir: call.recordDir })
  switch (result.state) {
    case 'spawned':
    case 'already':
      print(`${result.state}: ${identity} (tmux server ${result.serverPid}, ${socketPath})`)
      return 0
    case 'skipped':
      print(`skipped: ${result.reason}`)
      return 0
    case 'failed':
      process.stderr.write(`failed: ${result.reason}\n`)
      return 1
  }
}

async function unwatch(call: Call): Promise<number> {
  if (call.operand === '') throw new UsageError('unwatch "": expected an identity or a socket path')
  const operand = call.operand ?? defaultSocketPath()
  const named = call.identity ?? (isIdentity(operand) ? operand : undefined)
  // A socket path selects that one server, even if other servers share its identity.
  const which =
    named === undefined
      ? { identity: identityForSocket(operand), socketPath: resolve(operand) }
      : { identity: named }
  const { state } = await dismissCanary({ ...which, recordDir: call.recordDir })
  print(state === 'dismissed' ? `no longer watched: ${which.identity}` : `not watched: ${which.identity}`)
  return 0
}

async function status(call: Call): Promise<number> {
  const found = await listCanaries({ recordDir: call.recordDir })
  if (found.length === 0) print('no watched servers')
  for (const canary of found) {
    print(`${canary.identity}  ${canary.state}  tmux server ${canary.serverPid}  ${canary.socketPath}`)
  }
  return 0
}

function deathLine({ ts, identity, cause, status, signal, snapshotPath = '' }: Death): string {
  const how = cause ?? `exit ${status ?? signal ?? 'unknown'}`
  return `${ts}  ${identity}  ${how}  ${snapshotPath}`.trimEnd()
}

async function deaths({ recordDir }: Call): Promise<number> {
  await reconcile({ recordDir })
  const lines = readDeaths({ recordDir }).map(deathLine)
  print(lines.length === 0 ? 'no deaths recorded' : lines.join('\n'))
  return 0
}

const COMMANDS = { watch, unwatch, status, deaths } as const
const isCommand = (name: string): name is keyof typeof COMMANDS => Object.hasOwn(COMMANDS, name)

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return /"version":\s*"([^"]+)"/.exec(text)?.[1] ?? 'unknown'
}

function parse(argv: readonly string[]) {
  const options = {
    identity: { type: 'string' },
    'record-dir': { type: 'string' },
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
  } as const
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true })
  } catch (error) {
    if (errnoOf(error)?.startsWith('ERR_PARSE_ARGS') !== true) throw error
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** Runs one command line and returns its exit code. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv)
  const [name, operand, ...more] = positionals
  if (values.help === true || (name === undefined && values.version !== true)) {
    process.stdout.write(USAGE)
    return values.help === true ? 0 : 2
  }
  if (values.version === true || name === undefined) {
    print(version())
    return 0
  }
  if (!isCommand(name)) throw new UsageError(`unknown command "${name}"`)
  const operands = name === 'watch' || name === 'unwatch' ? 1 : 0
  if (more.length > 0 || (operands === 0 && operand !== undefined))
    throw new UsageError(`too many arguments for ${name}`)
  const recordDir = values['record-dir'] ?? defaultRecordDir(process.env)
  try {
    return await COMMANDS[name]({ recordDir, identity: values.identity, operand })
  } catch (error) {
    if (!(error instanceof IapeerError)) throw error
    throw new Error(error.hint === undefined ? error.message : `${error.message}. ${error.hint}`, {
      cause: error,
    })
  }
}
