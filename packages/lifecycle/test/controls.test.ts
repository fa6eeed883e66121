import { findAgent } from '@iapeer/dev/agents'
import { until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { compactNamed, interruptNamed } from '../src/index.ts'
import { readClaudeReport } from '../src/runtimes/claude-report.ts'
import { startClaude } from './claude-mail-session.ts'
import { roots } from './support.ts'

const { newRoot, track } = roots()
const found = await findAgent('claude')
if (found.skipped !== undefined) console.warn(`tests of controls are skipped: ${found.skipped}`)

const OPTIONS = { timeout: 60_000, tags: ['claude'] }

describe.skipIf(found.program === undefined)('a control of Claude Code', OPTIONS, () => {
  it('interrupts what works, leaves what does not, and types no command while it works', async () => {
    const root = newRoot()
    const claude = await startClaude(root, found.program ?? '')
    track(claude.stop)
    await claude.ready()
    expect(await interruptNamed(root.root, 'bob')).toBe('nothing-to-do')
    const release = claude.model.hold()
    await claude.say('work on it')
    await until('its turn', () => claude.asked('work on it') > 0)
    await expect(compactNamed(root.root, 'bob')).rejects.toMatchObject({ code: 'not-now' })
    expect(await interruptNamed(root.root, 'bob')).toBe('done')
    release()
    await claude.say('say something')
    await until('the answer', () => claude.asked('say something') > 0)
    await until(
      'its report',
      async () => (await readClaudeReport(claude.target.session.leader))?.status === 'idle',
    )
    expect(await compactNamed(root.root, 'bob')).toBe('done')
    await until('the request for a summary', () =>
      claude.model.asked.some((body) => body.includes('summary')),
    )
  })
})
