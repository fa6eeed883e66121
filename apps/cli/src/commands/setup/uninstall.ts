import { rm } from 'node:fs/promises'
import { dismissCanary } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { stopDaemon, thisServiceSystem, uninstallService } from '@iapeer/host'
import { stopNamed, stopStrays } from '@iapeer/lifecycle/fleet'
import { forgetWatch } from '@iapeer/lifecycle/supervise'
import { ask, canAsk, confirm } from '../../ask.ts'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { EXIT, explain, usageError } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { recordLocation } from '../deaths/death-records.ts'
import { onLogFailure } from '../sessions/log-failure.ts'
import { deleteRecords } from './delete-records.ts'
import { removeLauncher } from './launcher.ts'
import { type Survey, survey } from './survey.ts'
import { keptText, manPagesText, planText, staysText } from './uninstall-text.ts'

const OPTIONS = {
  stopPeers: { help: 'stop every peer and every watch' },
  keepPeers: { help: 'leave peers and watches running' },
  deleteRecords: { help: 'also delete records, messages, logs and state; not with --keep-peers' },
  yes: { short: 'y', help: 'do not ask for confirmation' },
  json: { help: 'print one JSON object, and do not ask' },
} as const
type Options = OptionValues<typeof OPTIONS>

const DETAILS = `Stops the daemon and, with --stop-peers, every peer and every watch; a tmux
server that is only watched keeps running. Removes the service,
~/.local/bin/iapeer, the links to its man pages and the completion scripts, if
iapeer made them. Keeps the profiles and homes of peers, config.toml, hooks,
this program, and the records and messages unless --delete-records is given.
Prints what stays and how to remove it.

With --keep-peers the peers stay reachable (it prints how), and their deaths are
still recorded. They are not restarted or suspended, no notification is sent,
messages wait, and a death that tmux misses is recorded by the next iapeer
command only.

Asks at a terminal. Without one, --stop-peers or --keep-peers is required.`

/** Whether the options say that peers are stopped or kept; undefined if they say neither. */
function chosenBy({ stopPeers, keepPeers }: Options): 'stop' | 'keep' | undefined {
  if (stopPeers) return 'stop'
  return keepPeers ? 'keep' : undefined
}

/** Whether peers are stopped or kept; undefined if the person cancels. */
async function decide(options: Options, { peers, watches }: Survey): Promise<'stop' | 'keep' | undefined> {
  const chosen = chosenBy(options)
  if (chosen !== undefined) return chosen
  if (peers.length + watches.length === 0) return 'stop'
  const names = [...peers, ...watches.map(({ identity }) => identity)].join(', ')
  const answer = await ask(`Running: ${names}. Stop all, keep them running, or cancel? [stop/keep/CANCEL]`)
  return answer === 'stop' || answer === 'keep' ? answer : undefined
}

function assertOptions(options: Options): void {
  if (options.stopPeers && options.keepPeers)
    throw usageError('--stop-peers cannot be combined with --keep-peers', 'Pass one of them.')
  if (options.keepPeers && options.deleteRecords)
    throw usageError(
      '--delete-records cannot be combined with --keep-peers: the recorders of the kept peers write these records',
      'Stop the peers: iapeer uninstall --stop-peers --delete-records',
    )
  if ((canAsk() && !options.json) || options.stopPeers || options.keepPeers) return
  throw new IapeerError('without a terminal, iapeer uninstall needs --stop-peers or --keep-peers', {
    code: 'needs-answer',
    hint: 'iapeer uninstall --help says what each of them does.',
  })
}

/** Stops the daemon first, so that it starts no peer again. */
async function stopDaemonAndService(root: string, { service }: Survey): Promise<string[]> {
  const removed: string[] = []
  if (service?.isOurs === true) removed.push((await uninstallService(root, thisServiceSystem())).path)
  await stopDaemon(root)
  return removed
}

/** Stops peers, servers that no peer uses any more, and watches. @returns whether all are stopped; errors are printed */
async function stopPeers(root: string, { peers, watches, keptWatches }: Survey): Promise<boolean> {
  let isDone = true
  for (const peer of peers)
    try {
      await stopNamed(root, peer, { by: 'iapeer uninstall', onLogFailure })
    } catch (error) {
      // Any error concerns one peer only.
      process.stderr.write(explain(error))
      isDone = false
    }
  await stopStrays(root)
  for (const { identity } of keptWatches) await forgetWatch(root, identity)
  for (const { identity } of watches) await dismissCanary({ identity, ...recordLocation() })
  return isDone
}

interface Done {
  readonly peers: 'stopped' | 'kept'
  readonly removed: readonly string[]
  /** The directories of records. */
  readonly deleted: readonly string[]
  readonly linked: readonly string[]
}

async function uninstall(
  root: string,
  found: Survey,
  choice: 'stop' | 'keep',
  options: Options,
): Promise<Done> {
  const removed = await stopDaemonAndService(root, found)
  const nothingRuns = found.peers.length + found.watches.length + found.keptWatches.length === 0
  if (choice === 'stop' && !nothingRuns && !(await stopPeers(root, found)))
    throw new IapeerError('not every peer could be stopped; the launcher and the records are not removed', {
      code: 'running',
      hint: 'Fix the cause, then run iapeer uninstall again, or pass --keep-peers.',
    })
  for (const path of found.completions) {
    await rm(path, { force: true })
    removed.push(path)
  }
  const records = options.deleteRecords ? await deleteRecords(root) : { deleted: [], linked: [] }
  if (await removeLauncher(found.launcher.path)) removed.push(found.launcher.path)
  for (const path of found.manPages) await rm(path, { force: true })
  return {
    peers: choice === 'stop' ? 'stopped' : 'kept',
    removed,
    ...records,
  }
}

async function report(root: string, found: Survey, { peers, removed, deleted, linked }: Done): Promise<void> {
  const dot = paint('dim', '○')
  if (found.daemonPid !== undefined) print(`${dot} the daemon (pid ${found.daemonPid}) is stopped`)
  if (peers === 'stopped') {
    if (found.peers.length > 0) print(`${dot} stopped: ${found.peers.join(', ')}`)
    for (const { identity } of found.watches)
      print(`${dot} stopped watching ${identity}; its tmux server keeps running`)
  }
  for (const path of removed) print(`${dot} removed ${path}`)
  if (found.manPages.length > 0) print(`${dot} removed ${manPagesText(found.manPages)}`)
  if (deleted.length > 0)
    print(`${dot} deleted the records, messages and logs in ${root}, and the state that no peer needs`)
  const isKept = peers === 'kept' && found.sessions.length + found.watches.length > 0
  if (isKept) print(keptText(root, found))
  print(await staysText(root, found, { linked, isKept }))
}

export default defineCommand({
  name: 'uninstall',
  summary: 'stop iapeer, and remove its service, command, man pages and completion scripts',
  details: DETAILS,
  options: OPTIONS,
  run: async ({ options }) => {
    assertOptions(options)
    const root = iapeerRoot()
    const found = await survey(root)
    const isAsking = canAsk() && !options.json
    const { deleteRecords: deletesRecords } = options
    if (isAsking) print(planText(root, found, { choice: chosenBy(options), deletesRecords }))
    const choice = await decide(options, found)
    const isKept = choice === 'keep' && options.deleteRecords
    if (isKept) process.stderr.write('iapeer: --delete-records needs the peers to be stopped\n')
    const isWanted =
      options.yes || !isAsking || (choice !== undefined && !isKept && (await confirm('Uninstall?')))
    if (choice === undefined || isKept || !isWanted) {
      print('Nothing is changed.')
      process.exitCode = EXIT.failed
      return
    }
    const done = await uninstall(root, found, choice, options)
    if (options.json)
      printJson({
        peers: done.peers,
        names: found.peers,
        removed: [...done.removed, ...found.manPages, ...done.deleted],
      })
    else await report(root, found, done)
  },
})
