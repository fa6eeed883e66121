import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { type ExitRecord, parseExitLine } from '@iapeer/forensics'
import { describe, expect, it } from 'vitest'
import { addendumPath } from '../src/deaths/evidence/addendum.ts'
import { judgeAmong, judgeDeaths } from '../src/deaths/judge.ts'

const track = asyncCleanups()
const AT = Date.parse('2027-03-01T12:00:00.000Z')

function newRoot(): string {
  const directory = privateDirectory()
  track(directory.remove)
  return directory.path
}

/** The death of one of many peers by SIGKILL, of which no file is left. */
function death(number: number, atMs: number): ExitRecord {
  const gen = String(number).padStart(16, '0')
  const line = `ts=${new Date(atMs).toISOString()} ev=session-exit identity=command-p${number} gen=${gen} dead_status= dead_signal=SIGKILL leader_pid=900 recorder=hook forensics=`
  const record = parseExitLine(line)
  if (record === undefined) throw new Error(line)
  return record
}

const deaths = (count: number, gapMs: number): ExitRecord[] =>
  Array.from({ length: count }, (_none, number) => death(number, AT + number * gapMs))

const now = new Date(AT + 24 * 3_600_000)

/** Returns the size of the incident that one of these deaths belongs to; 0 if it belongs to none. */
async function incidentOf(records: readonly ExitRecord[], at: number): Promise<number> {
  const found = await judgeAmong(newRoot(), records, (record) => record === records.at(at), { now })
  expect(found.map(({ record }) => record.id)).toEqual([records.at(at)?.id])
  return found[0]?.incident?.deaths.length ?? 0
}

describe('a death is judged with', () => {
  it.each([0, 14, 29])('all that follow each other within two minutes: the one at %i of 30', async (at) => {
    expect(await incidentOf(deaths(30, 4_000), at)).toBe(30)
  })

  it('those before and after a gap only where the gap is short', async () => {
    const first = deaths(5, 1_000)
    const later = Array.from({ length: 4 }, (_none, number) =>
      death(100 + number, AT + 30_000 + number * 1_000),
    )
    expect(await incidentOf([...first, ...later], 0)).toBe(5)
    expect(await incidentOf([...first, ...later], -1)).toBe(4)
  })

  it('those of the two minutes before and after it, where deaths follow each other without end', async () => {
    const records = deaths(2_000, 1_000)
    expect(await incidentOf(records, -1)).toBe(121)
    expect(await incidentOf(records, 1_000)).toBe(241)
    expect(await incidentOf(records.toReversed(), 1_000)).toBe(241)
  })

  it('none of another cause, and none at all where it is alone', async () => {
    expect(await incidentOf(deaths(30, 60_000), 7)).toBe(0)
  })
})

it.each([1, 400])(
  'of %i deaths the snapshots, the late evidence and the kept verdicts are found',
  async (count) => {
    const root = newRoot()
    const directory = join(root, 'logs/iapeer/server-deaths')
    mkdirSync(directory, { recursive: true })
    const records = deaths(count, 60_000).map((record) => ({
      ...record,
      forensics: join(directory, `${record.id}.txt`),
    }))
    const [first] = records
    if (first === undefined) throw new Error('no death')
    writeFileSync(first.forensics, `session-death format=1\n--- baseline\nts_ms=${AT - 60_000}\n--- end\n`)
    mkdirSync(dirname(addendumPath(root, first.id)), { recursive: true })
    writeFileSync(addendumPath(root, first.id), 'death-addendum format=1\n--- journal\nnothing\n--- end\n')
    const [judged] = await judgeDeaths(root, records, { now })
    expect(judged?.findings.snapshot?.sections.has('journal')).toBe(true)
    expect(judged?.kept).toBeUndefined()
    // Only the newest verdicts are kept at once, so the first death is judged alone.
    await judgeDeaths(root, [first], { now })
    const [again] = await judgeDeaths(root, records, { now })
    expect(again?.kept).toBeDefined()
    expect(again?.judged.verdict).toBe(judged?.judged.verdict)
  },
)
