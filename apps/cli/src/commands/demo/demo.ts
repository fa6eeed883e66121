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
  type Actor,
  bringOn,
  closeStage,
  contentOf,
  failed,
  gone,
  hasClaim,
  openStage,
  type Recorded,
  recorded,
  recordsOf,
  type Stage,
  soon,
  watchOver,
} from './stage.ts'

const WORK = 'while :; do date; sleep 1; done\n'
/** Beyond this the demo calls itself failed; the usual time is a few milliseconds. */
const SLOW_MS = 2_000

interface Scene {
  readonly actor: Actor
  readonly what: string
  readonly death: Recorded
  readonly verdict: Verdict
  readonly tookMs: number
}

async function judged(stage: Stage, actor: Actor, what: string, killedMs: number): Promise<Scene> {
  const death = await recorded(stage, actor)
  await watchOver(stage, actor)
  const text = death.record.forensics === undefined ? undefined : await contentOf(death.record.forensics)
  const snapshot = parseSnapshot(text ?? '')
  if (snapshot?.complete !== true) throw failed(`the snapshot of ${actor.identity} is not complete`)
  const { witness: path } = generationPaths({
    identity: actor.identity,
    gen: actor.gen,
    recordDir: stage.recordDir,
  })
  const witness = parseWitness((await contentOf(path)) ?? '')
  return {
    actor,
    what,
    death,
    verdict: judge(death.record, { snapshot, witness }),
    tookMs: death.writtenMs - killedMs,
  }
}

/** Somebody kills the server: SIGKILL. */
async function killed(stage: Stage, actor: Actor): Promise<Scene> {
  const killedMs = Date.now()
  process.kill(actor.server.pid, 'SIGKILL')
  return judged(stage, actor, 'kill -9', killedMs)
}

/** A script in another server's pane runs `tmux kill-server`; it notes the moment itself. */
async function killedByScript(stage: Stage, actor: Actor, from: Actor): Promise<Scene> {
  const script = join(stage.directory, 'cleanup.sh')
  await writeFile(script, 'touch "$2"\ntmux -S "$1" kill-server\n', { mode: 0o600 })
  const moment = join(stage.directory, 'moment')
  const args = ['new-window', '-d', '-t', `=${from.identity}:`, '/bin/sh', script, actor.socketPath, moment]
  const started = await runTmux({ socketPath: from.socketPath, args })
  if (started.exitCode !== 0) throw failed(`the script could not be started (${started.stderr})`)
  await soon('the script', async () => ((await contentOf(moment)) === undefined ? undefined : true))
  return judged(stage, actor, 'a script: tmux kill-server', (await stat(moment)).mtimeMs)
}

/** The way a program ends its own server: it says so first. */
async function tornDown(stage: Stage, actor: Actor): Promise<void> {
  const target = { identity: actor.identity, gen: actor.gen, recordDir: stage.recordDir }
  await declareIntent({ ...target, by: 'iapeer demo', why: 'deliberate teardown' })
  await runTmux({ socketPath: actor.socketPath, args: ['kill-server'] })
  await gone(actor)
  await completeIntent(target)
  await watchOver(stage, actor)
}

function expectThat(is: boolean, what: string): void {
  if (!is) throw failed(what)
}

async function check(stage: Stage, scenes: readonly Scene[], silent: Actor): Promise<void> {
  const causes = scenes.map(({ death }) => death.record.cause)
  expectThat(causes.join() === 'killed,killed-by-command', `the causes are ${causes.join(' and ')}`)
  const accused = scenes[1]?.verdict.killer?.ancestors.some(({ command }) => command.includes('cleanup.sh'))
  expectThat(accused === true, 'the script that ran kill-server was not named')
  for (const { tookMs, actor } of scenes)
    expectThat(tookMs < SLOW_MS, `the record of ${actor.identity} took ${Math.round(tookMs)} ms`)
  const records = await recordsOf(stage)
  expectThat(records.length === scenes.length, `${records.length} deaths are recorded, not ${scenes.length}`)
  expectThat(!(await hasClaim(stage, silent)), `the deliberate teardown of ${silent.identity} left a record`)
}

/** `cause`, `recorded` ... and the two blanks on either side. */
const LABEL_WIDTH = 12

/** On a terminal what is long goes on below; elsewhere it is one line, for whoever looks for words in it. */
const lines = (label: string, text: string): string[][] =>
  (process.stdout.isTTY === true ? wrap(text, textWidth() - LABEL_WIDTH) : [text]).map((line, at) => [
    `  ${at === 0 ? label : ''}`,
    line,
  ])

function show(scenes: readonly Scene[], silent: Actor): void {
  for (const { actor, what, death, verdict, tookMs } of scenes) {
    print(`${paint('red', '✕')} ${paint('bold', actor.identity)}  ended by ${what}`)
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
    `${paint('green', '●')} ${paint('bold', silent.identity)}  torn down on purpose: no record, as it should be`,
  )
}

async function play(stage: Stage): Promise<void> {
  const [ada, ben, cid] = await Promise.all(
    ['command-ada', 'command-ben', 'command-cid'].map((identity) => bringOn(stage, identity, WORK)),
  )
  if (ada === undefined || ben === undefined || cid === undefined) throw failed('not all servers started')
  print(
    `Three tmux servers run, each the child of a guard (pids ${stage.actors.map((actor) => actor.server.pid).join(', ')}).\n`,
  )
  const scenes = [await killed(stage, ada), await killedByScript(stage, ben, cid)]
  await tornDown(stage, cid)
  await check(stage, scenes, cid)
  show(scenes, cid)
}

/** Shows on real servers what the canary records and what it leaves alone; fails when anything is not as it prints. */
export default defineCommand({
  name: 'demo',
  summary: 'start real tmux servers, end them in three ways, and show what was recorded',
  options: { keep: { help: 'keep its directory and say where it is' } },
  run: async ({ options: { keep } }) => {
    const stage = await openStage()
    try {
      await play(stage)
    } finally {
      await closeStage(stage, keep)
    }
    print(
      keep
        ? `\nKept: ${stage.directory} (records/exits.log, records/server-deaths/)`
        : '\nNo process and no file of it is left.',
    )
  },
})
