import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { ensureCanary, reconcile } from '../src/index.ts'
import { roots } from './support.ts'

const newRoot = roots()
const KEPT = 500
const FILES = ['claim', 'txt', 'witness', 'context', 'usage', 'addendum', 'verdict', 'conversation']

let root: ReturnType<typeof newRoot>
let deaths: string

/** Writes a file of the death with a number, which happened that many seconds ago. */
function write(number: number, extension: string, ageS = number, identity = 'claude-bob'): void {
  const path = join(deaths, `${identity}-${number.toString(16).padStart(16, '0')}.${extension}`)
  writeFileSync(path, extension === 'claim' ? 'rc=137,ev=server,rec=1:1,ts=1\n' : 'text\n--- end\n')
  const time = Date.now() / 1000 - ageS
  utimesSync(path, time, time)
}

/** The numbers of the deaths that have files. */
function kept(): number[] {
  const found = readdirSync(deaths).flatMap((name) => /-([0-9a-f]{16})\./.exec(name)?.[1] ?? [])
  return [...new Set(found)].map((gen) => Number.parseInt(gen, 16)).sort((one, other) => one - other)
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1)

beforeEach(() => {
  root = newRoot()
  deaths = join(root.recordDir, 'server-deaths')
  mkdirSync(deaths, { recursive: true })
})

describe('the files of deaths', () => {
  it('stay for the newest 500, whatever was added to others later', async () => {
    for (const number of upTo(KEPT + 3)) for (const extension of ['claim', 'txt']) write(number, extension)
    for (const extension of FILES.slice(2)) write(KEPT + 1, extension)
    // As if each had been looked at a moment ago, by a process that did not know that it is old.
    for (const extension of ['addendum', 'verdict', 'conversation']) write(KEPT + 2, extension, 0)
    await reconcile({ recordDir: root.recordDir })
    expect(kept()).toEqual(upTo(KEPT))
  })

  it('do not come back by evidence that is added to a death without files', async () => {
    for (const number of upTo(KEPT))
      for (const extension of ['claim', 'txt']) write(number, extension, number + 60)
    for (const number of [KEPT + 1, KEPT + 2]) write(number, 'addendum', 0)
    await reconcile({ recordDir: root.recordDir })
    expect(kept()).toEqual(upTo(KEPT))
  })

  it('stay while the recorder of the generation runs, and where no more than 500 have any', async () => {
    for (const number of upTo(KEPT)) write(number, 'txt')
    write(KEPT, 'addendum', 0, 'claude-al')
    await reconcile({ recordDir: root.recordDir })
    expect(kept()).toEqual(upTo(KEPT))
    const { socketPath } = await root.server()
    const armed = await ensureCanary({ identity: 'claude-bob', socketPath, recordDir: root.recordDir })
    if (armed.state !== 'spawned') throw new Error(armed.state)
    const watched = Number.parseInt(armed.gen, 16)
    writeFileSync(join(deaths, `claude-bob-${armed.gen}.witness`), '')
    utimesSync(join(deaths, `claude-bob-${armed.gen}.witness`), 1, 1)
    write(KEPT + 1, 'txt')
    await reconcile({ recordDir: root.recordDir })
    expect(kept()).toEqual([...upTo(KEPT), watched])
  })
})
