import { resolve } from 'node:path'
import {
  defaultSocketPath,
  dismissCanary,
  ensureCanary,
  identityForSocket,
  listCanaries,
} from '@iapeer/canary'
import { isIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { forgetWatch, keepWatch, listKeptWatches } from '@iapeer/lifecycle/supervise'
import { EXIT, usageError } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { place } from '../deaths/bring-up-to-date.ts'

interface WatchOptions {
  readonly identity?: string
  readonly keep?: boolean
  readonly json?: boolean
}

export async function watch(socket: string | undefined, options: WatchOptions): Promise<void> {
  if (socket === '')
    throw usageError('the socket path is empty', 'Leave it out for the tmux you are in, or name a socket.')
  const socketPath = resolve(socket ?? defaultSocketPath())
  const identity = options.identity ?? identityForSocket(socketPath)
  const result = await ensureCanary({ identity, socketPath, ...place() })
  if (result.state === 'failed') process.exitCode = EXIT.failed
  else if (options.keep === true) await keepWatch(iapeerRoot(), { identity, socketPath })
  if (options.json === true) return printJson({ ...result, identity })
  if (result.state === 'failed') {
    process.stderr.write(`iapeer: ${identity} is not watched: ${result.reason}\n`)
    process.stderr.write("  Inside it, this names its socket: tmux display-message -p '#{socket_path}'\n")
    return
  }
  if (result.state === 'skipped') return print(`${identity} is not watched: ${result.reason}`)
  const how = result.state === 'spawned' ? 'now watched' : 'watched already'
  print(
    `${paint('green', '●')} ${paint('bold', identity)} is ${how}: tmux server ${result.serverPid} at ${socketPath}`,
  )
  print(`  When it dies: iapeer autopsy ${identity}`)
}

/** A socket is known by what watches it; a name that is an identity is taken as one. */
async function identitiesOf(name: string): Promise<string[]> {
  if (isIdentity(name)) return [name]
  const socketPath = resolve(name)
  const armed = await listCanaries(place())
  const kept = await listKeptWatches(iapeerRoot())
  const known = [...armed, ...kept].filter((one) => one.socketPath === socketPath).map((one) => one.identity)
  return [...new Set(known.length > 0 ? known : [identityForSocket(socketPath)])]
}

export async function unwatch(name: string, options: { readonly json?: boolean }): Promise<void> {
  if (name === '') throw usageError('nothing was named', 'Name an identity (tmux-default) or a socket.')
  for (const identity of await identitiesOf(name)) {
    const forgotten = await forgetWatch(iapeerRoot(), identity)
    const { state } = await dismissCanary({ identity, ...place() })
    if (options.json === true) printJson({ state, identity, forgotten })
    else if (state === 'dismissed') print(`${identity} is no longer watched`)
    else
      print(
        forgotten
          ? `${identity} is forgotten; it was not being watched`
          : `${identity} was not being watched`,
      )
  }
}
