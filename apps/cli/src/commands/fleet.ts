import { iapeerRoot } from '@iapeer/core/paths'
import { fleetView, type PeerView, refreshNamed, resetNamed } from '@iapeer/lifecycle/fleet'
import { blockedText } from '../blocked-text.ts'
import { askDaemon } from '../daemon.ts'
import { EXIT, exitCodeOf, explain, usageError } from '../exit-code.ts'
import { paint, print, printJson } from '../output.ts'
import { checkedName } from '../peers.ts'
import { parseTimeout } from '../sessions.ts'

interface ActOptions {
  readonly timeout?: string
  readonly json?: boolean
}

/** Brings what runs of a peer up again, where it was if its runtime can. */
export async function refresh(peer: string, options: ActOptions): Promise<void> {
  const name = checkedName(peer)
  const timeoutMs = parseTimeout(options.timeout)
  const outcome =
    (await askDaemon((daemon) => daemon.refresh(name, { timeoutMs }))) ??
    (await refreshNamed(iapeerRoot(), name, { by: 'iapeer refresh', timeoutMs }))
  const { session } = outcome
  if (outcome.state === 'not-running') process.exitCode = EXIT.notRunning
  if (session?.state === 'blocked') process.exitCode = EXIT.blocked
  if (options.json === true) return printJson({ peer: name, ...outcome })
  if (session === undefined) return print(`${paint('bold', name)} is not running\n  iapeer start ${name}`)
  if (session.state === 'blocked') return print(blockedText(session))
  print(`${paint('green', '●')} ${paint('bold', session.identity)} is up anew: pid ${session.leaderPid}`)
}

/** Forgets the crashes of a peer, so that it may be started again. */
export async function reset(peer: string, options: { readonly json?: boolean }): Promise<void> {
  const name = checkedName(peer)
  const outcome = (await askDaemon((daemon) => daemon.reset(name))) ?? (await resetNamed(iapeerRoot(), name))
  if (options.json === true) return printJson({ peer: name, ...outcome })
  print(
    outcome.state === 'reset'
      ? `${paint('bold', name)} is out of its crash loop\n  iapeer start ${name}`
      : `${paint('bold', name)} was in no crash loop; its crashes are forgotten`,
  )
}

/** So many at a time, that a host with a hundred peers is not flooded. */
const AT_ONCE = 4

/**
 * Does the same to every peer that `wanted` takes; what fails for one is told, and keeps no other from it.
 */
export async function forAll(
  wanted: (peer: PeerView) => boolean,
  act: (peer: string) => Promise<void>,
): Promise<void> {
  const left = (await fleetView(iapeerRoot())).filter(wanted).values()
  const worker = async (): Promise<void> => {
    for (const { personality } of left) {
      try {
        await act(personality)
      } catch (error) {
        // Whatever it was, it is that of one peer.
        process.stderr.write(explain(error))
        process.exitCode = exitCodeOf(error)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** One peer, or all of them. */
export async function oneOrAll(
  peer: string | undefined,
  all: boolean | undefined,
  how: { readonly one: (peer: string) => Promise<void>; readonly all: () => Promise<void> },
): Promise<void> {
  if (all === true && peer !== undefined) throw usageError('--all and a peer', 'Name one, or give --all.')
  if (all === true) return how.all()
  if (peer === undefined) throw usageError('no peer was named', 'Name one, or give --all.')
  return how.one(peer)
}
