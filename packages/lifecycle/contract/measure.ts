// Measures messages to the real agents: from stored to the request to the model, and to the proof. Prints the median and the 95th
// percentile of each, for an idle agent, by its first way.
//   node contract/dist/measure.js [MESSAGES=20]
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { createPeer, updatePeer } from '@iapeer/core/registry'
import { AGENT_NAMES, type AgentName, findAgent, processesOf } from '@iapeer/dev/agents'
import { launchPeer, MailDelivery, messageView, sendMessage, stopNamed } from '@iapeer/lifecycle'
import { within } from './claims.ts'
import { Lab } from './lab.ts'

const count = Number(process.argv[2] ?? 20)
const LIMITS = { IAPEER_MAIL_PAIR_PER_MINUTE: '1000', IAPEER_MAIL_PAIR_PER_HOUR: '1000' }
const SENDER = { kind: 'operator', proof: 'terminal' } as const

const at = (values: readonly number[], part: number): number =>
  values.toSorted((one, other) => one - other)[Math.floor(part * (values.length - 1))] ?? Number.NaN
const text = (values: readonly number[]): string => `p50 ${at(values, 0.5)} ms, p95 ${at(values, 0.95)} ms`

async function measure(name: AgentName, program: string): Promise<void> {
  const lab = await Lab.open(name)
  const root = join(lab.directory, 'root')
  const delivery = new MailDelivery(root, {
    env: LIMITS,
    onError: (what, error) => process.stderr.write(`${what}: ${error}\n`),
  })
  try {
    const entry = await createPeer(root, {
      personality: toPersonality('bob'),
      defaultRuntime: toRuntime(name),
      command: [program],
    })
    const { profile } = await updatePeer(root, 'bob', {
      cwd: lab.cwd,
      trustedCwd: lab.cwd,
      permissions: 'skip',
    })
    await launchPeer(root, { ...entry, cwd: profile.cwd ?? entry.cwd }, { env: lab.env })
    await delivery.start()
    const [asked, proven]: [number[], number[]] = [[], []]
    let way = ''
    for (let nth = 0; nth < count; nth++) {
      const from = Date.now()
      const { id } = await sendMessage(root, { to: 'bob', text: 'hello', sender: SENDER, env: LIMITS })
      const handled = await within(async () => {
        const message = await messageView(root, id)
        return message.state === 'handled' ? message : undefined
      }, 30_000)
      const request = lab.model.requests.find(({ isTurn, added }) => isTurn && added.includes(id))
      if (handled?.taken === undefined || request === undefined) throw new Error(`${id} was not handled`)
      way = handled.taken.way
      // The first turn of a conversation loads more than the others.
      if (nth > 0) {
        asked.push(request.at - from)
        proven.push(Date.parse(handled.taken.at) - from)
      }
      await sleep(2_100)
    }
    process.stdout.write(
      `${name} by ${way}, idle, ${asked.length} messages: to the model ${text(asked)}; to the proof ${text(proven)}\n`,
    )
  } finally {
    await delivery.stop()
    await stopNamed(root, 'bob', { by: 'measure' })
    await within(() => processesOf(lab.directory).length === 0, 20_000)
    await lab.close()
  }
}

for (const name of AGENT_NAMES) {
  const env = { ...process.env, IAPEER_TEST_AGENTS: process.env['IAPEER_TEST_AGENTS'] || 'pinned' }
  const { program, skipped } = await findAgent(name, env)
  if (program === undefined) process.stdout.write(`skipped ${name}: ${skipped}\n`)
  else await measure(name, program)
}
