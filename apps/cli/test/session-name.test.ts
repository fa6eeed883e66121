import { expect, it } from 'vitest'
import { sessionName } from '../src/commands/peers/session-name.ts'

it.each([
  ['codex-bob', ['codex'], 'bob', 'bob'],
  ['codex-bob', ['claude', 'codex'], 'bob (codex)', 'codex-bob'],
  ['claude-night-shift', ['claude', 'codex'], 'night-shift (claude)', 'claude-night-shift'],
  // The session was started before its runtime was removed from the profile.
  ['command-bob', ['claude'], 'bob (command)', 'command-bob'],
  ['command-bob', undefined, 'command-bob', 'command-bob'],
  ['bob', ['claude'], 'bob', 'bob'],
])('the session %s of a peer with the runtimes %j is called %s, and %s in commands', (...row) => {
  const [identity, runtimes, shown, argument] = row
  expect(sessionName(identity, runtimes)).toEqual({ shown, argument })
})
