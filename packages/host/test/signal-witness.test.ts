import { existsSync } from 'node:fs'
import { asyncCleanups, mountTracefs, privateDirectory } from '@iapeer/dev/testing'
import { openTraceInstance } from '@iapeer/lifecycle/deaths'
import { afterAll, describe, expect, it } from 'vitest'
import { signals } from '../src/doctor/checks/signals.ts'
import { SYSTEM_PATHS } from '../src/doctor/finding.ts'
import { thisServiceSystem } from '../src/index.ts'

const tracefs = await mountTracefs()
if (typeof tracefs === 'string')
  process.stderr.write(`tests of the real signal witness are skipped: ${tracefs}\n`)
const track = asyncCleanups()
afterAll(async () => {
  if (typeof tracefs !== 'string') await tracefs.remove()
})

describe.skipIf(typeof tracefs === 'string')(
  'a signal witness that a killed daemon left in the kernel',
  () => {
    it('is found by doctor, and removed by doctor --fix', async () => {
      const root = privateDirectory()
      track(root.remove)
      const context = {
        root: root.path,
        paths: SYSTEM_PATHS,
        system: thisServiceSystem(),
        now: new Date(),
        nodeVersion: process.versions.node,
      }
      const instance = await openTraceInstance(root.path)
      expect(await signals.run({ ...context, fix: false })).toMatchObject([
        { id: 'left-signal-witness', level: 'warning' },
      ])
      expect(await signals.run({ ...context, fix: true })).toMatchObject([
        { id: 'left-signal-witness', fixed: true },
      ])
      expect(existsSync(instance.pipe)).toBe(false)
      expect(await signals.run({ ...context, fix: false })).toEqual([])
    })
  },
)
