import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { completeIntent, declareIntent, generationPaths } from '@iapeer/canary'
import { judge, parseSnapshot, parseWitness, type Verdict } from '@iapeer/forensics'
import { runTmux } from '@iapeer/tmux'
import { defineCommand } from '../../define-command.ts'
import { paint, print, textWidth } from '../../output.ts'
import { table } from '../../table.ts'
import { wrap } from '../../wrap.ts'
import {
  closeSandbox,
  contentOf,
  type DemoServer,
  failed,
  hasClaim,
  openSandbox,
  type RecordedDeath,
  recordsOf,
  type Sandbox,
  startDemoServer,
  waitFor,
  waitForExit,
  waitForRecord,
  waitForRecorder,
} from './sandbox.ts'

const PROGRAM = 'while :; do date; sleep 1; done\n'
/** A record that takes longer fails the demo; it usually takes a few milliseconds. */
const LIMIT_MS = 2_000

interface JudgedDeath {
  readonly server: DemoServer
  /** How the server was killed, for the output. */
  readonly how: string
  readonly death: RecordedDeath
  readonly verdict: Verdict
  /** From the kill to the record, in milliseconds. */
  readonly tookMs: number
}

/** Waits for the record of a death and judges it. */
async function judgeDeath(
  sandbox: Sandbox,
  server: DemoServer,
  { how, killedMs }: { readonly how: string; readonly killedMs: number },
): Promise<JudgedDeath> {
  const { identity, gen } = server
  const death = await waitForRecord(sandbox, server)
  await waitForRecorder(sandbox, server)
  const text = death.record.forensics === undefined ? undefined : await contentOf(death.record.forensics)
  const snapshot = parseSnapshot(text ?? '')
  if (snapshot?.complete !== true) throw failed(`the snapshot of ${identity} is not complete`)
  const { witness: path } = generationPaths({ identity, gen, recordDir: sandbox.recordDir })
  const witness = parseWitness((await contentOf(path)) ?? '')
  const verdict = judge(death.record, { snapshot, witness })
  return { server, how, death, verdict, tookMs: death.writtenMs - killedMs }
}

/** Kills the server with SIGKILL. */
async function kill(sandbox: Sandbox, server: DemoServer): Promise<JudgedDeath> {
  const killedMs = Date.now()
  process.kill(server.process.pid, 'SIGKILL')
  return judgeDeath(sandbox, server, { how: 'kill -9', killedMs })
}

/** Runs a script in a pane of the server `from`: it notes the time in a file, then runs `tmux kill-server`. */
async function killByScript(sandbox: Sandbox, server: DemoServer, from: DemoServer): Promise<JudgedDeath> {
  const script = join(sandbox.directory, 'cleanup.sh')
  await writeFile(script, 'touch "$2"\ntmux -S "$1" kill-server\n', { mode: 0o600 })
  const moment = join(sandbox.directory, 'moment')
  const args = ['new-window', '-d', '-t', `=${from.identity}:`, '/bin/sh', script, server.socketPath, moment]
  const started = await runTmux({ socketPath: from.socketPath, args })
  if (started.exitCode !== 0) throw failed(`the script could not be started (${started.stderr})`)
  await waitFor('the script', async () => ((await contentOf(moment)) === undefined ? undefined : true))
  const killedMs = (await stat(moment)).mtimeMs
  return judgeDeath(sandbox, server, { how: 'a script: tmux kill-server', killedMs })
}

/** Stops a server on purpose: with an intent. */
async function stop(sandbox: Sandbox, server: DemoServer): Promise<void> {
  const target = { identity: server.identity, gen: server.gen, recordDir: sandbox.recordDir }
  await declareIntent({ ...target, by: 'iapeer demo', why: 'deliberate stop' })
  await runTmux({ socketPath: server.socketPath, args: ['kill-server'] })
  await waitForExit(server)
  await completeIntent(target)
  await waitForRecorder(sandbox, server)
}

function assertThat(isTrue: boolean, problem: string): void {
  if (!isTrue) throw failed(problem)
}

/** Checks everything that the demo prints. @throws IapeerError `demo-failed` */
async function check(sandbox: Sandbox, deaths: readonly JudgedDeath[], stopped: DemoServer): Promise<void> {
  const causes = deaths.map(({ death }) => death.record.cause)
  assertThat(causes.join() === 'killed,killed-by-command', `the causes are ${causes.join(' and ')}`)
  const isNamed = deaths[1]?.verdict.killer?.ancestors.some(({ command }) => command.includes('cleanup.sh'))
  assertThat(isNamed === true, 'the script that ran kill-server was not named')
  for (const { tookMs, server } of deaths)
    assertThat(tookMs < LIMIT_MS, `the record of ${server.identity} took ${Math.round(tookMs)} ms`)
  const records = await recordsOf(sandbox)
  assertThat(records.length === deaths.length, `${records.length} deaths are recorded, not ${deaths.length}`)
  assertThat(!(await hasClaim(sandbox, stopped)), `the deliberate stop of ${stopped.identity} was recorded`)
}

/** The width of the labels (`cause`, `recorded`, ...) with two blanks on either side. */
const LABEL_WIDTH = 12

/** Wraps a text on a terminal; elsewhere it stays one line, so that it can be searched. */
const lines = (label: string, text: string): string[][] =>
  (process.stdout.isTTY === true ? wrap(text, textWidth() - LABEL_WIDTH) : [text]).map((line, at) => [
    `  ${at === 0 ? label : ''}`,
    line,
  ])

function show(deaths: readonly JudgedDeath[], stopped: DemoServer): void {
  for (const { server, how, death, verdict, tookMs } of deaths) {
    print(`${paint('red', '✕')} ${paint('bold', server.identity)}  killed by ${how}`)
    print(
      table([
        ['  cause', death.record.cause ?? 'unknown'],
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

/** Starts the servers. Waits for all of them, even if one fails: the clean-up must not run while another one is being started. */
async function startServers(sandbox: Sandbox): Promise<readonly DemoServer[]> {
  const identities = ['command-ada', 'command-ben', 'command-cid']
  const started = await Promise.allSettled(
    identities.map((identity) => startDemoServer(sandbox, identity, PROGRAM)),
  )
  return started.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}

async function runDemo(sandbox: Sandbox): Promise<void> {
  const [ada, ben, cid] = await startServers(sandbox)
  if (ada === undefined || ben === undefined || cid === undefined) throw failed('not all servers started')
  const pids = sandbox.servers.map((server) => server.process.pid)
  print(`Three tmux servers are running, each under a guard (pids ${pids.join(', ')}).\n`)
  const deaths = [await kill(sandbox, ada), await killByScript(sandbox, ben, cid)]
  await stop(sandbox, cid)
  await check(sandbox, deaths, cid)
  show(deaths, cid)
}

/** Shows on real servers that deaths are recorded and deliberate stops are not; fails if the result differs from what it prints. */
export default defineCommand({
  name: 'demo',
  summary: 'start three tmux servers, kill two, stop one, and print what was recorded',
  options: { keep: { help: 'keep the files of the demo and print their path' } },
  run: async ({ options: { keep } }) => {
    const sandbox = await openSandbox()
    try {
      await runDemo(sandbox)
    } finally {
      await closeSandbox(sandbox, keep)
    }
    print(
      keep
        ? `\nAll processes of the demo are gone. Its files are kept: ${sandbox.directory} (records/exits.log, records/server-deaths/)`
        : '\nAll processes and files of the demo are removed.',
    )
  },
})
