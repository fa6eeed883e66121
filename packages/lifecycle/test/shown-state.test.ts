import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compareShown,
  SHOWN_STATES,
  type StateEvidence,
  shownState,
  shownText,
} from '../src/fleet/shown-state.ts'

const CASES: readonly (readonly [StateEvidence, string])[] = [
  [{ state: 'not-running' }, 'new'],
  [{ state: 'running', lastEnd: 'crash', lastExit: { signal: 'SIGKILL' } }, 'running'],
  [{ state: 'managed' }, 'running (by a service manager)'],
  [{ state: 'blocked', dialog: 'API key' }, 'blocked (API key)'],
  [{ state: 'blocked' }, 'blocked'],
  [{ state: 'unresponsive' }, 'unresponsive'],
  [{ state: 'failed', lastEnd: 'crash', startsInMs: 3_200 }, 'restarting in 4 s'],
  [{ state: 'not-running', startsInMs: -5 }, 'restarting in 0 s'],
  [{ state: 'exited', lastEnd: 'self-close', lastExit: { exitCode: 0 } }, 'exited'],
  [{ state: 'failed', lastEnd: 'crash', lastExit: { exitCode: 1 } }, 'failed (exit 1)'],
  [{ state: 'failed', lastEnd: 'crash', lastExit: { exitCode: 137, verdict: 'cgroup-oom' } }, 'dead (OOM)'],
  [{ state: 'failed', lastEnd: 'crash', lastExit: { signal: 'SIGKILL' } }, 'dead (SIGKILL)'],
  [
    { state: 'failed', lastEnd: 'crash', lastExit: { signal: 'SIGKILL', verdict: 'kernel-oom' } },
    'dead (OOM)',
  ],
  [{ state: 'failed', lastEnd: 'crash', lastExit: { signal: 'SIGKILL', verdict: 'oomd' } }, 'dead (OOM)'],
  [
    { state: 'failed', lastEnd: 'crash', lastExit: { cause: 'server-gone', verdict: 'killed-by-command' } },
    'dead (killed-by-command)',
  ],
  [{ state: 'failed', lastEnd: 'crash', lastExit: { cause: 'recorder-lost' } }, 'dead (recorder-lost)'],
  [{ state: 'failed', lastEnd: 'crash', lastExit: {} }, 'dead'],
  [{ state: 'failed', lastEnd: 'crash' }, 'dead (cause unknown)'],
  [{ state: 'not-running', lastEnd: 'reboot' }, 'dead (host reboot)'],
  [{ state: 'not-running', lastEnd: 'stopped' }, 'stopped'],
  [{ state: 'crash-loop', loop: { deaths: 3, withinSecs: 300 } }, 'gave up (3 deaths in 5 min)'],
  [{ state: 'crash-loop', loop: { deaths: 2, withinSecs: 90 } }, 'gave up (2 deaths in 90 s)'],
  [{ state: 'crash-loop' }, 'gave up'],
  [{ state: 'suspended', lastEnd: 'idle' }, 'suspended'],
  [{ state: 'stopped', lastEnd: 'crash', lastExit: { signal: 'SIGSEGV' } }, 'stopped'],
]

/** Peers whose planned start does not happen, because no daemon is running. */
const WITHOUT_DAEMON: readonly (readonly [StateEvidence, string])[] = [
  [
    { state: 'failed', lastEnd: 'crash', lastExit: { exitCode: 1 }, startsInMs: 3_200 },
    'failed (exit 1; not restarted: no daemon)',
  ],
  [
    { state: 'failed', lastEnd: 'crash', lastExit: { signal: 'SIGKILL' } },
    'dead (SIGKILL; not restarted: no daemon)',
  ],
  [{ state: 'exited', lastEnd: 'self-close', startsInMs: 10 }, 'exited (not restarted: no daemon)'],
]

describe('the state that a person sees', () => {
  it.each(CASES)('%j is shown as %s', (evidence, text) => {
    expect(shownText(shownState(evidence))).toBe(text)
  })

  it.each(WITHOUT_DAEMON)('%j without a daemon is shown as %s, and is trouble', (evidence, text) => {
    const shown = shownState({ ...evidence, awaitsDaemon: true })
    expect([shownText(shown), shown.isTrouble]).toEqual([text, true])
  })

  it('is trouble exactly where a person should look', () => {
    const trouble = CASES.map(([evidence]) => shownState(evidence)).filter((one) => one.isTrouble)
    expect(new Set(trouble.map(({ word }) => word))).toEqual(
      new Set(['gave up', 'unresponsive', 'blocked', 'dead', 'failed']),
    )
  })

  it('puts trouble first in every order', () => {
    const shown = fc.constantFrom(...CASES.map(([evidence]) => shownState(evidence)))
    fc.assert(
      fc.property(fc.array(shown), (states) => {
        const troubles = [...states].sort(compareShown).map(({ isTrouble }) => isTrouble)
        expect(troubles).toEqual([...troubles].sort((one, other) => Number(other) - Number(one)))
      }),
    )
  })

  it('has a row in docs/states.md for each word', () => {
    const page = readFileSync(fileURLToPath(new URL('../../../docs/states.md', import.meta.url)), 'utf8')
    const [states = ''] = page.split('\n## ')
    const words = [...states.matchAll(/^\| `([a-z ]+)` /gm)].map(([, word]) => word)
    expect(words).toEqual(SHOWN_STATES)
  })
})
