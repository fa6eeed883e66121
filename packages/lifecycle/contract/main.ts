import { AGENT_NAMES, type AgentName, findAgent, run } from '@iapeer/dev/agents'
import { Claims } from './claims.ts'
import { checkClaude } from './claude.ts'
import { checkCodex } from './codex.ts'
import { Lab } from './lab.ts'

const CHECKS = { claude: checkClaude, codex: checkCodex } as const satisfies Record<AgentName, unknown>

/** Checks one program. @returns the number of claims that do not hold */
async function check(name: AgentName): Promise<number> {
  const env = { ...process.env, IAPEER_TEST_AGENTS: process.env['IAPEER_TEST_AGENTS'] || 'pinned' }
  const { program, skipped } = await findAgent(name, env)
  if (program === undefined) {
    process.stdout.write(`skipped ${name}: ${skipped}\n`)
    return 0
  }
  const version = (await run(program, ['--version'])).stdout.trim()
  process.stdout.write(`${name}: ${version}\n`)
  const claims = new Claims()
  const lab = await Lab.open(name)
  try {
    await CHECKS[name](lab, program, claims)
  } catch (error) {
    // After any error the rest of the checks of this program cannot run.
    claims.check('the checks run to their end', false, error instanceof Error ? error.message : String(error))
    process.stdout.write(`${(await lab.screen()).trimEnd()}\n`)
  } finally {
    await lab.close()
  }
  return claims.broken
}

const asked = process.argv.slice(2)
const isName = (word: string): word is AgentName => AGENT_NAMES.some((name) => name === word)
const names = asked.filter(isName)
if (names.length < asked.length) {
  process.stderr.write(`usage: contract [${AGENT_NAMES.join('|')}]\n`)
  process.exit(2)
}
let broken = 0
for (const name of names.length === 0 ? AGENT_NAMES : names) broken += await check(name)
process.exit(broken === 0 ? 0 : 1)
