import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { profilePath } from '@iapeer/core/profile'
import { createPeer, upsertPeer } from '@iapeer/core/registry'
import { until } from '@iapeer/dev/testing'
import { stopDaemon } from '@iapeer/host'
import { messageView } from '@iapeer/lifecycle/mail'
import { afterEach } from 'vitest'
import { type Home, homes, jsonLines, MAIN } from './support.ts'

/** A command that has exited. */
interface Exited {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs. */
interface Started {
  readonly stderr: () => string
  readonly stdout: () => string
  readonly kill: (signal: NodeJS.Signals) => void
  readonly exited: Promise<Exited>
}

/** A root with what the tests of messages need. The caller of its commands is the operator. */
export interface MailHome extends Home {
  /** Runs it with a text or bytes on standard input, which is then closed. */
  readonly withInput: (input: string | Uint8Array, ...args: string[]) => Promise<Exited>
  readonly begin: (...args: string[]) => Started
  /** Sends a message as the operator. @returns its id */
  readonly send: (...args: string[]) => Promise<string>
  /** Creates a peer that runs a script, with `interfaces.mail`. */
  readonly peer: (name: string, script: string, mail?: object) => Promise<void>
  readonly startDaemon: () => Promise<void>
}

/** Runs `act` for each message of its directory, with its file as `$f`, and then takes it. */
export const taking = (act: string): string => `
cd "$IAPEER_MAIL_DIR" && mkdir -p mail/new mail/work mail/taken && cd mail
while :; do
  for new in new/*.json; do
    mv "$new" work/ 2>/dev/null || continue
    f="work/\${new#new/}"
    ${act}
    mv "$f" taken/
  done
  sleep 0.02
done`

/** Call once per test file: returns a function that makes private roots; daemons are stopped after each test. */
export function mailHomes(): () => MailHome {
  const newHome = homes()
  const roots: string[] = []
  afterEach(async () => {
    for (const root of roots.splice(0)) await stopDaemon(root)
  })
  return () => {
    const base = newHome()
    roots.push(base.root)
    // A test may itself run in a session.
    const none = { IAPEER_BEARER: '', PEER_IDENTITY: '', IAPEER_DAEMON_AUTOSTART: 'off' }
    const env = { ...base.env, ...none }
    const iapeerWith: Home['iapeerWith'] = (variables, ...args) =>
      base.iapeerWith({ ...none, ...variables }, ...args)
    const iapeer: Home['iapeer'] = (...args) => iapeerWith({}, ...args)
    const begin: MailHome['begin'] = (...args) => begun(env, undefined, args)
    return {
      ...base,
      env,
      iapeer,
      iapeerWith,
      begin,
      withInput: (input, ...args) => begun(env, input, args).exited,
      send: async (...args) => {
        const done = await iapeer('send', ...args, '--as', 'operator', '--json')
        return String(jsonLines(done.stdout)[0]?.['id'])
      },
      peer: async (name, script, mail) => {
        const command = ['sh', '-c', script]
        const [personality, defaultRuntime] = [toPersonality(name), toRuntime('command')]
        const entry = await createPeer(base.root, { personality, defaultRuntime, command })
        if (mail === undefined) return
        const path = profilePath(entry.home)
        const profile = JSON.parse(readFileSync(path, 'utf8'))
        writeFileSync(path, JSON.stringify({ ...profile, interfaces: { mail } }))
        await upsertPeer(base.root, entry.home)
      },
      startDaemon: async () => {
        await iapeer('daemon', 'start')
      },
    }
  }
}

function begun(
  env: NodeJS.ProcessEnv,
  input: string | Uint8Array | undefined,
  args: readonly string[],
): Started {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  if (input !== undefined) {
    // A command that refuses its arguments does not read its input.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  }
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
    })
  const exited = new Promise<Exited>((resolve) => {
    child.once('close', (exitCode) => resolve({ exitCode, ...text }))
  })
  return {
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    kill: (signal) => void child.kill(signal),
    exited,
  }
}

/** Waits until a message is in a state. */
export const untilState = (home: Pick<Home, 'root'>, id: string, state: string) =>
  until(`${id} to be ${state}`, async () => {
    const message = await messageView(home.root, id)
    return message.state === state ? message : undefined
  })

/** A path below the directory of a test. */
export const pathIn = (home: Pick<Home, 'path'>, name: string): string => join(home.path, name)
