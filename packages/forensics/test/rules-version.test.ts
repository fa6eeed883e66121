import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { RULES, RULES_VERSION } from '../src/rules/index.ts'

// In a file of its own, which mutation testing leaves out: it notices every change of the rules, also one that no case needs.
it('the version of the rules changes with them: raise RULES_VERSION, then run vitest -u', () => {
  const digest = createHash('sha256').update(JSON.stringify(RULES)).digest('hex').slice(0, 16)
  expect(`rules ${RULES_VERSION}: ${digest}`).toMatchSnapshot()
})
