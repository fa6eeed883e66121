// Measures iapeer beside other supervisors: starting one process, restarting a killed one, listing, memory. Downloads them. Linux only.
// Usage: node packages/dev/bench/alternatives.mjs [--json] [processes=20] [rounds=10]
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { median, Results, readArguments } from './results.mjs'
import { SUPERVISORS } from './supervisors.mjs'

const [processes = 20, rounds = 10] = readArguments().words.map(Number)
/** How many processes are killed, one after another. */
const killed = Math.min(rounds, processes - 1, 5)
const LIMIT_MS = 60_000
const names = Array.from({ length: processes }, (_none, nth) => `p${nth}`)
const results = new Results()

async function until(what, look) {
  for (const end = Date.now() + LIMIT_MS; ; await sleep(1)) {
    const found = look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`not within ${LIMIT_MS / 1_000} s: ${what}`)
  }
}

async function timed(act) {
  const from = performance.now()
  await act()
  return performance.now() - from
}

const sizeOf = (path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0
const stampOf = (path) => `${sizeOf(path)} ${statSync(path, { throwIfNoEntry: false })?.mtimeMs}`

/** The program under supervision notes the pid of each of its starts. */
function newProgram(directory) {
  const script = join(directory, 'program.sh')
  writeFileSync(script, 'echo $$ >>"$1"\nexec sleep 100000\n')
  const pidsOf = (name) => {
    const path = join(directory, `${name}.pids`)
    return sizeOf(path) === 0 ? [] : readFileSync(path, 'utf8').trimEnd().split('\n').map(Number)
  }
  return { argvOf: (name) => ['/bin/sh', script, join(directory, `${name}.pids`)], pidsOf }
}

/** Returns the pids of the processes that have this variable in their environment (proc_pid_environ(5)). */
function pidsWith(variable) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(variable)
      } catch (error) {
        if (['ENOENT', 'ESRCH', 'EACCES'].includes(error.code)) return false
        throw error
      }
    })
    .map(Number)
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
    return false
  }
}

/** Returns the memory of processes (PSS) in MB. */
function pssMb(pids) {
  const kib = pids.map((pid) =>
    Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1]),
  )
  return (kib.reduce((sum, one) => sum + one, 0) * 1_024) / 1e6
}

/** Kills a process. @returns the times until the file of events changed, and until the process ran again */
async function killOne(one, name, { pidsOf }) {
  const before = pidsOf(name)
  const events = one.events(name)
  const stamp = stampOf(events)
  const from = performance.now()
  process.kill(before.at(-1), 'SIGKILL')
  let event
  await until(`${name} to run again`, () => {
    if (event === undefined && stampOf(events) !== stamp) event = performance.now() - from
    return pidsOf(name).length > before.length && event !== undefined ? true : undefined
  })
  return { event, restart: performance.now() - from }
}

async function measure(one, program, variable) {
  await one.up()
  await until('all processes', () =>
    names.every((name) => program.pidsOf(name).length > 0) ? true : undefined,
  )
  // Restart policies look at how long a process has run.
  await sleep(3_000)
  const agents = new Set(names.map((name) => program.pidsOf(name).at(-1)))
  const memory = pssMb(pidsWith(variable).filter((pid) => !agents.has(pid)))
  const [start, list, event, restart] = [[], [], [], []]
  for (let round = 0; round < rounds; round++) list.push(await timed(() => one.list()))
  for (let round = 0; round < rounds; round++) {
    await one.stop(names[0])
    const before = program.pidsOf(names[0])
    await until('the stop', () => (isAlive(before.at(-1)) ? undefined : true))
    const isRunning = () => (program.pidsOf(names[0]).length > before.length ? true : undefined)
    start.push(
      await timed(async () => {
        await one.start(names[0])
        await until('the start', isRunning)
      }),
    )
  }
  await sleep(3_000)
  for (const name of names.slice(1, 1 + killed)) {
    const found = await killOne(one, name, program)
    event.push(found.event)
    restart.push(found.restart)
  }
  return { start: median(start), list: median(list), event: median(event), restart: median(restart), memory }
}

async function measureIn(name, scratch) {
  const directory = join(scratch, name)
  mkdirSync(directory)
  const program = newProgram(directory)
  const variable = `SUPERVISED_IN=${directory}`
  const env = { ...process.env, SUPERVISED_IN: directory }
  const one = await SUPERVISORS[name](directory, { names, argvOf: program.argvOf, env })
  try {
    return { version: one.version, ...(await measure(one, program, variable)) }
  } finally {
    await one.down()
  }
}

const WHAT = {
  start: ['the command that starts one process, until that runs', 'ms', rounds],
  event: ['SIGKILL of a process to its record in a file', 'ms', killed],
  restart: ['SIGKILL of a process until it runs again', 'ms', killed],
  list: [`the command that lists ${processes} processes`, 'ms', rounds],
  memory: [`memory (PSS) of the supervisor, ${processes} processes`, 'MB'],
}

const scratch = mkdtempSync(join(tmpdir(), 'iapx-'))
try {
  const own = await measureIn('iapeer', scratch)
  for (const name of Object.keys(SUPERVISORS).slice(1)) {
    const other = await measureIn(name, scratch).catch((error) => ({
      why: error.message.replaceAll(scratch, '.'),
    }))
    for (const [kind, [what, unit, count]] of Object.entries(WHAT)) {
      const id = `alternatives.${kind}.${name}`
      if (other.why !== undefined) results.skip(id, { what: `${what}, beside ${name}`, why: other.why })
      else {
        const beside = { what: `${name} ${other.version}`, value: other[kind] }
        results.figure(id, { what, value: own[kind], unit, beside, count })
      }
    }
  }
  results.skip('alternatives.overmind', {
    what: 'overmind',
    why: 'it is neither a package of Debian nor of npm (the npm package of that name is another program)',
  })
  for (const note of [
    'pm2, supervisor and s6 start a process as their own child. iapeer gives each a tmux server with a terminal, and a recorder, which its memory here includes; it waits about a second before the first restart, by its policy.',
    'What they write about a death: pm2 and supervisor a line in their log with the exit code or signal, s6 an entry of its tally with the same. None of them says why: who sent the signal, whether memory ran out, what was on the screen. A process that dies while its supervisor is not running has no record; iapeer records it without its daemon.',
    'What they do better: their records of the bare fact come sooner, their restarts too, and they need less memory for each process. pm2 balances connections over several processes, supervisor has an API over XML-RPC, s6 runs as the first process of a system.',
    's6 has no command that lists all services: a loop over s6-svstat is measured. Each service has its s6-supervise, without s6-svscan, which expects it in /usr/bin.',
  ])
    results.note(note)
  results.print()
} finally {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
