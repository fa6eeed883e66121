import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  endServerSite,
  openServerSite,
  type RecordedServer,
  removeServerSite,
  type ServerSite,
  startGuarded,
} from '@iapeer/drill'
import { defineCommand } from '../../define-command.ts'
import { paint, print, textWidth } from '../../output.ts'
import { table } from '../../table.ts'
import { wrap } from '../../wrap.ts'
import { asDemoError, failed, type JudgedDeath, kill, killByScript, stop } from './acts.ts'

const PROGRAM = 'while :; do date; sleep 1; done\n'

/** The width of the labels (`cause`, `recorded`, ...) with two blanks on either side. */
const LABEL_WIDTH = 12

/** Wraps a text on a terminal; elsewhere it stays one line, so that it can be searched. */
const lines = (label: string, text: string): string[][] =>
  (process.stdout.isTTY === true ? wrap(text, textWidth() - LABEL_WIDTH) : [text]).map((line, at) => [
    `  ${at === 0 ? label : ''}`,
    line,
  ])

function show(deaths: readonly JudgedDeath[], stopped: RecordedServer): void {
  for (const { server, how, record, verdict, tookMs } of deaths) {
    print(`${paint('red', '✕')} ${paint('bold', server.identity)}  killed by ${how}`)
    print(
      table([
        ['  cause', record.cause ?? 'unknown'],
        ['  recorded', `within ${Math.max(1, Math.ceil(tookMs))} ms`],
        ...lines('verdict', `${verdict.verdict} (confidence ${verdict.confidence}): ${verdict.summary}`),
        ...lines('evidence', verdict.evidence[0]?.fact ?? 'none'),
      ]),
    )
  }
  print(
    `${paint('green', '●')} ${paint('bold', stopped.identity)}  stopped on purpose: no record, as intended`,
  )
}

/** Starts a guarded tmux server that runs a small program. */
async function startDemoServer(site: ServerSite, identity: string): Promise<RecordedServer> {
  const script = join(site.directory, `${identity}.sh`)
  await writeFile(script, PROGRAM, { mode: 0o600 })
  return startGuarded(site, identity, ['/bin/sh', script])
}

/** Starts the servers. Waits for all of them, even if one fails: the clean-up must not run while another one is being started. */
async function startServers(site: ServerSite): Promise<readonly RecordedServer[]> {
  const identities = ['command-ada', 'command-ben', 'command-cid']
  const started = await Promise.allSettled(identities.map((identity) => startDemoServer(site, identity)))
  return started.map((one) => {
    if (one.status === 'rejected') throw asDemoError(one.reason)
    return one.value
  })
}

async function runDemo(site: ServerSite): Promise<void> {
  const servers = await startServers(site)
  const [ada, ben, cid] = servers
  if (ada === undefined || ben === undefined || cid === undefined) throw failed('not all servers started')
  const pids = servers.map(({ server }) => server.pid)
  print(`Three tmux servers are running, each under a guard (pids ${pids.join(', ')}).\n`)
  const deaths = [await kill(ada), await killByScript(ben, cid)]
  await stop(cid)
  const { count } = site.records
  if (count !== deaths.length) throw failed(`${count} deaths are recorded, not ${deaths.length}`)
  show(deaths, cid)
}

/** Kills the servers that still run, if the demo failed, and removes the directory unless `keep` is set. */
async function close(site: ServerSite, keep: boolean): Promise<void> {
  await endServerSite(site)
  const [left] = keep ? [] : await removeServerSite(site)
  if (left !== undefined) throw failed(left)
}

/** Shows on real servers that deaths are recorded and deliberate stops are not; fails if the result differs from what it prints. */
export default defineCommand({
  name: 'demo',
  summary: 'start three tmux servers, kill two, stop one, and print what was recorded',
  options: { keep: { help: 'keep the files of the demo and print their path' } },
  run: async ({ options: { keep } }) => {
    const site = await openServerSite('iapeer-demo-')
    try {
      await runDemo(site)
    } finally {
      await close(site, keep)
    }
    print(
      keep
        ? `\nAll processes of the demo are gone. Its files are kept: ${site.directory} (records/exits.log, records/server-deaths/)`
        : '\nAll processes and files of the demo are removed.',
    )
  },
})
