// Measures what it costs to know what agents do: the processor time of a round over N idle agents whose files have not changed, of a
// look at each of them, and the time from a change of a sessions file until the round that sees it is over.
// node bench/turns.mjs [N...]
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lookAtTurn, TurnKeeper } from '@iapeer/lifecycle/turns'

const ROUNDS = 20
const counts = process.argv.slice(2).map(Number)

const startTime = (pid) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

async function measure(count) {
  const directory = mkdtempSync('/tmp/iapeer-bench-turns-')
  const home = join(directory, 'home')
  mkdirSync(join(home, '.claude', 'sessions'), { recursive: true })
  mkdirSync(join(directory, 'root', 'state'), { recursive: true })
  const children = Array.from({ length: count }, () =>
    spawn('sleep', ['1000'], { env: { HOME: home, PATH: process.env.PATH }, stdio: 'ignore' }),
  )
  try {
    const write = (pid, status) =>
      writeFileSync(
        join(home, '.claude', 'sessions', `${pid}.json`),
        JSON.stringify({
          pid,
          procStart: startTime(pid),
          status,
          sessionId: 'x',
          statusUpdatedAt: Date.now(),
        }),
      )
    const sessions = children.map(({ pid }, at) => {
      write(pid, 'idle')
      const mail = join(directory, 'root', 'sessions', String(at))
      mkdirSync(join(mail, 'events'), { recursive: true })
      return {
        identity: `claude-p${at}`,
        ...{ gen: '0'.repeat(16), socketPath: '/none', server: { pid, token: startTime(pid) } },
        ...{ leader: { pid, token: startTime(pid) }, sessionId: '$0', paneId: '%0' },
        ...{ startedAt: new Date().toISOString(), readyAt: new Date().toISOString() },
        mail: { directory: mail, bearerHash: '' },
      }
    })
    const root = join(directory, 'root')
    const keeper = new TurnKeeper(root, { onError: (what, error) => console.error(what, error) })
    for (let round = 0; round < 3 + count / 16; round++) await keeper.look(sessions)
    const before = cpuMs()
    for (let round = 0; round < ROUNDS; round++) await keeper.look(sessions)
    const idle = (cpuMs() - before) / ROUNDS
    const beforeLooks = cpuMs()
    for (const session of sessions) await lookAtTurn({ root, session })
    const look = (cpuMs() - beforeLooks) / count
    write(children[0].pid, 'busy')
    const from = performance.now()
    // Of more than 150 agents, each round checks a part.
    for (let round = 0; round < 8 && keeper.turnOf(sessions[0]).state !== 'working'; round++)
      await keeper.look(sessions)
    const seen = performance.now() - from
    if (keeper.turnOf(sessions[0]).state !== 'working') throw new Error('the change was not seen')
    console.log(
      `${count} idle agents: ${idle.toFixed(2)} ms of processor time a round, ${look.toFixed(2)} ms for a full look at one; a change is seen after ${seen.toFixed(1)} ms of rounds`,
    )
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

for (const count of counts.length === 0 ? [10, 100, 300] : counts) await measure(count)
