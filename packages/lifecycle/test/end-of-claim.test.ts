import { uptime } from 'node:os'
import type { Claim } from '@iapeer/canary'
import { describe, expect, it } from 'vitest'
import { endOfClaim } from '../src/sessions/index.ts'

const at = (beforeBootMs: number): string =>
  new Date(Date.now() - uptime() * 1_000 - beforeBootMs).toISOString()
const EARLIER = at(60_000)
const NOW = new Date().toISOString()

const claim = (fields: Partial<Claim>): Claim => ({
  rc: '0',
  event: 'server-exit',
  recorder: undefined,
  system: 'none',
  ts: NOW,
  ...fields,
})

describe('the end that a claim records', () => {
  it.each([
    ['an orderly exit of the server in an earlier boot', { ts: EARLIER }, 'reboot'],
    ['a stop of its unit in an earlier boot', { rc: '143', system: 'service-stop', ts: EARLIER }, 'reboot'],
    ['a shutdown that its recorder saw', { system: 'host-shutdown' }, 'reboot'],
    ['a death that was found after the next boot', { rc: 'boot' }, 'reboot'],
    ['an orderly exit of the server in this boot', {}, 'crash'],
    ['a stop of its unit in this boot', { system: 'service-stop' }, 'crash'],
    ['a server that was killed in an earlier boot', { rc: '137', ts: EARLIER }, 'crash'],
    ['a program that exited with 0 in an earlier boot', { event: 'session-exit', ts: EARLIER }, 'self-close'],
    ['a program that failed in an earlier boot', { event: 'session-exit', rc: '1', ts: EARLIER }, 'crash'],
  ] as const)('of %s', (_what, fields, end) => {
    expect(endOfClaim(claim(fields))).toBe(end)
  })
})
