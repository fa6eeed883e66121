import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { type ExitRecord, parseExitLine, RULES_VERSION } from '@iapeer/forensics'
import { describe, expect, it } from 'vitest'
import { addendumPath } from '../src/deaths/evidence/addendum.ts'
import { judgeDeaths } from '../src/deaths/judge.ts'
import { parseVerdictFile, verdictPath } from '../src/deaths/verdict-file.ts'

const track = asyncCleanups()
const AT = Date.parse('2027-03-01T12:00:00.000Z')
const GEN = 'abcdef0123456789'
const EARLYOOM = `${((AT - 400) / 1000).toFixed(6)} host earlyoom[7]: sending SIGTERM to process 900 uid 1 "x": badness 1, VmRSS 1 MiB`

function newDeath(fields = 'dead_status=143 dead_signal='): { root: string; record: ExitRecord } {
  const directory = privateDirectory()
  track(directory.remove)
  const root = directory.path
  mkdirSync(join(root, 'logs/iapeer/server-deaths'), { recursive: true })
  const snapshot = join(root, `logs/iapeer/server-deaths/command-ada-${GEN}.txt`)
  const line = `ts=${new Date(AT).toISOString()} ev=session-exit identity=command-ada gen=${GEN} ${fields} leader_pid=900 recorder=hook forensics=${snapshot}`
  const record = parseExitLine(line)
  if (record === undefined) throw new Error(line)
  writeFileSync(snapshot, `session-death format=1\n--- baseline\nts_ms=${AT - 60_000}\n--- end\n`)
  return { root, record }
}

const later = (seconds: number): { now: Date } => ({ now: new Date(AT + seconds * 1000) })

/** Judges the one death. */
async function judged(root: string, record: ExitRecord, options: { now: Date; anew?: boolean }) {
  const [death] = await judgeDeaths(root, [record], options)
  if (death === undefined) throw new Error('no death')
  const { judged: verdict, isProvisional, kept } = death
  return { word: `${verdict.verdict}/${verdict.confidence}`, isProvisional, kept }
}

function addendum(root: string, record: ExitRecord, line: string): void {
  writeFileSync(addendumPath(root, record.id), `death-addendum format=1\n--- journal\n${line}\n--- end\n`)
}

describe('a verdict', () => {
  it('is provisional, and at most medium, until the late evidence was collected', async () => {
    const { root, record } = newDeath('dead_status= dead_signal=SIGKILL')
    expect(await judged(root, record, later(2))).toMatchObject({
      word: 'killed-by-signal/medium',
      isProvisional: true,
    })
    expect(existsSync(verdictPath(root, record.id))).toBe(false)
    addendum(root, record, 'nothing of note')
    const final = await judged(root, record, later(6))
    expect(final.word).toBe('killed-by-signal/high')
    expect(final.isProvisional).toBeUndefined()
  })

  it('stays provisional, and is not kept, as long as the evidence can still be collected', async () => {
    const { root, record } = newDeath('dead_status= dead_signal=SIGKILL')
    for (const seconds of [29, 31, 3_600, 23 * 3_600])
      expect(await judged(root, record, later(seconds))).toMatchObject({
        isProvisional: true,
        kept: undefined,
      })
    expect(existsSync(verdictPath(root, record.id))).toBe(false)
    expect((await judged(root, record, later(25 * 3_600))).word).toBe('killed-by-signal/high')
    expect(existsSync(verdictPath(root, record.id))).toBe(true)
  })

  it('that was asked for before the evidence came does not hide it', async () => {
    const { root, record } = newDeath('dead_status= dead_signal=SIGTERM')
    expect((await judged(root, record, later(40))).word).toBe('killed-by-signal/medium')
    addendum(root, record, EARLYOOM)
    expect((await judged(root, record, later(50))).word).toBe('oomd/high')
  })

  it('is kept with the versions of rules and inputs, and what was shown once stays', async () => {
    const { root, record } = newDeath()
    addendum(root, record, 'nothing of note')
    expect((await judged(root, record, later(6))).word).toBe('terminated/medium')
    const path = verdictPath(root, record.id)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const kept = parseVerdictFile(readFileSync(path, 'utf8'))
    expect(kept).toMatchObject({
      rules: RULES_VERSION,
      judgedAt: later(6).now.toISOString(),
      inputs: { txt: expect.any(Number), addendum: expect.any(Number) },
      verdict: { verdict: 'terminated', topic: 'asked-to-exit' },
    })
    writeFileSync(path, readFileSync(path, 'utf8').replace('"terminated"', '"agent-failed"'))
    expect((await judged(root, record, later(60))).word).toBe('agent-failed/medium')
    expect((await judged(root, record, { ...later(60), anew: true })).word).toBe('terminated/medium')
    expect((await judged(root, record, later(90))).word).toBe('terminated/medium')
  })

  it('changes with new evidence, unless it was high', async () => {
    const { root, record } = newDeath()
    addendum(root, record, 'nothing of note')
    await judged(root, record, later(6))
    addendum(root, record, EARLYOOM)
    expect((await judged(root, record, later(60))).word).toBe('oomd/high')
    addendum(root, record, 'nothing of note')
    expect((await judged(root, record, later(60))).word).toBe('oomd/high')
  })

  it.each([
    '',
    '{',
    '{"verdict":"magic","confidence":"high","summary":"x","rules":1,"judgedAt":"x"}',
    'null',
    '{"verdict":"crashed"}',
  ])('is judged again if its file holds %j', async (content) => {
    const { root, record } = newDeath()
    addendum(root, record, EARLYOOM)
    writeFileSync(verdictPath(root, record.id), content)
    expect(await judged(root, record, later(60))).toMatchObject({ word: 'oomd/high', kept: undefined })
    expect(parseVerdictFile(readFileSync(verdictPath(root, record.id), 'utf8'))?.verdict.verdict).toBe('oomd')
  })

  it('is given also where it cannot be kept', async () => {
    const { root, record } = newDeath()
    addendum(root, record, EARLYOOM)
    mkdirSync(verdictPath(root, record.id))
    expect((await judged(root, record, later(60))).word).toBe('oomd/high')
  })
})
