// What memory-deaths.mjs checks after the peers came back: the starts, the records of the deaths, and the sessions.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { deathViews, fleetStatus, listSessions, readEvents } from '../dist/index.js'
import { MIB, residentBytes, startOf } from './memory-cgroup.mjs'

/** The defaults of launch.parallel and launch.reserve: the larger of 10% and 1 GiB, at most a quarter of all memory. */
const PARALLEL = 2
export const reserveOf = (totalBytes) => Math.min(Math.max(totalBytes / 10, 1_024 * MIB), totalBytes / 4)
/** The tmux server and the recorder of a peer are not part of what the peer needs; the supervisor grows a little, too. */
const OVERHEAD_BYTES = 96 * MIB

export const mib = (bytes) => `${Math.round(bytes / MIB)} MiB`
export const secs = (ms) => `${(ms / 1_000).toFixed(1)} s`

/** Collects what is wrong, and prints what was measured. */
export class Report {
  problems = []

  check(isRight, problem) {
    if (!isRight) this.problems.push(problem)
  }

  print(what, value) {
    process.stdout.write(`${what.padEnd(52)} ${value}\n`)
  }
}

/** Returns a session with the start times of its processes, so that each stays known when it is gone. */
export const withStarts = (session) => ({
  ...session,
  leaderStart: startOf(session.leader.pid),
  serverStart: startOf(session.server.pid),
})
export const isLeaderAlive = ({ leader, leaderStart }) => startOf(leader.pid) === leaderStart
const isServerAlive = ({ server, serverStart }) => startOf(server.pid) === serverStart

/** Returns the launches after the out-of-memory, from lifecycle.log, with the memory that was available at each one. */
async function launchesOf(root, { before, watch }) {
  const former = new Set(before.map(({ gen }) => gen))
  const { events } = await readEvents(root)
  return events
    .filter(({ ev, gen }) => ev === 'launch' && !former.has(gen))
    .map(({ identity, ts, ms }) => {
      const [fromMs, toMs] = [Date.parse(ts) - ms, Date.parse(ts)]
      const seen = watch.starts.some((one) => one.identity === identity)
      const [availableBytes, looks] = [watch.availableBefore(fromMs), watch.looksIn(fromMs, toMs)]
      return { identity, fromMs, toMs, availableBytes, peakBytes: watch.peakOf(identity), seen, looks }
    })
}

/** Checks that every start had its memory, that they went one by one, and what the others waited for. */
export async function checkStarts(out, { root, before, watch, mibEach, limitBytes }) {
  const { holds, whys } = watch
  const reserveBytes = reserveOf(limitBytes)
  const launches = await launchesOf(root, { before, watch })
  const identities = new Set(launches.map(({ identity }) => identity))
  const isEach = launches.length === before.length && identities.size === before.length
  out.check(isEach, `${launches.length} starts of ${identities.size} peers`)
  for (const { identity, availableBytes, peakBytes, seen, looks } of launches) {
    out.check(peakBytes >= mibEach * MIB, `the peak of ${identity} was not kept: ${mib(peakBytes)}`)
    const has = `${identity} was started with ${mib(availableBytes)} available`
    out.check(availableBytes >= reserveBytes + peakBytes, `${has}, needed: ${mib(reserveBytes + peakBytes)}`)
    out.check(
      seen || looks < 3,
      `${identity} was started without a place in the queue, seen by ${looks} looks`,
    )
  }
  const overlapping = launches.map(
    (one) => launches.filter(({ fromMs, toMs }) => fromMs <= one.fromMs && toMs > one.fromMs).length,
  )
  const most = Math.max(watch.mostAtOnce, ...overlapping)
  const mostOneByOne = Math.max(watch.mostWhileOneByOne, ...overlapping)
  out.check(most <= PARALLEL, `${most} were starting at once`)
  out.check(mostOneByOne <= 1, `${mostOneByOne} were starting at once, not one by one`)
  const leastBytes = watch.leastSince(Math.min(...launches.map(({ fromMs }) => fromMs)))
  const eaten = reserveBytes - leastBytes
  out.check(eaten <= OVERHEAD_BYTES, `the starts took ${mib(eaten)} of the reserve`)
  // Deaths that follow are looked at again, so these two may alternate.
  const isKnown = /^(judging,memory,?)+$/.test(holds.join())
  out.check(isKnown, `what followed the mass death was ${holds.join(', ')}`)
  out.check(
    [...whys.values()].some((why) => why.has('held')),
    'nothing waited for the cause of the deaths',
  )
  for (const { identity } of before)
    out.check(whys.get(identity)?.has('memory'), `${identity} did not wait for memory`)
  const available = launches.map(({ availableBytes }) => Math.round(availableBytes / MIB))
  out.print('starts, and the most at once', `${launches.length}, ${most} (launch.parallel: ${PARALLEL})`)
  out.print('starts seen in the queue', launches.filter(({ seen }) => seen).length)
  out.print('what followed the mass death', holds.join(', '))
  out.print('available at each start, in MiB', available.join(' '))
  out.print('least available after the first start', `${mib(leastBytes)} (reserve: ${mib(reserveBytes)})`)
}

/** Checks that each death has one record with the right cause, and that all are one incident. */
export async function checkDeaths(out, { root, before, until }) {
  const isFinal = ({ provisional }) => provisional !== true
  await until('the late evidence', async () => (await deathViews(root)).every(isFinal), 60_000)
  const found = await deathViews(root)
  out.check(found.length === before.length, `${found.length} deaths are recorded, not ${before.length}`)
  for (const { identity, gen, leader } of before) {
    const own = found.filter((one) => one.gen === gen)
    out.check(own.length === 1, `the death of ${identity} has ${own.length} records`)
    for (const { event, signal, leaderPid, verdict, confidence } of own) {
      const isRight = event === 'session-exit' && signal === 'SIGKILL' && leaderPid === leader.pid
      out.check(isRight, `the record of ${identity} says ${event} ${signal} ${leaderPid}`)
      out.check(verdict === 'cgroup-oom', `the verdict on ${identity} is ${verdict}, ${confidence}`)
    }
  }
  const words = found.map(({ verdict, confidence }) => `${verdict} ${confidence}`)
  const counts = [...new Set(words)].map((word) => `${words.filter((one) => one === word).length} ${word}`)
  out.print('verdicts', counts.join(', '))
  const incidents = [...new Set(found.map(({ incident }) => incident ?? 'none'))]
  const inEach = incidents.map((id) => found.filter(({ incident = 'none' }) => incident === id).length)
  out.print('deaths in each incident', inEach.join(' '))
  const isOne = incidents.length === 1 && incidents[0] !== 'none'
  out.check(isOne, `one out-of-memory is ${incidents.join(', ')} with ${inEach.join(', ')} deaths`)
}

/** Checks that each peer is back: another generation, and a real session with a program that has its memory. */
export async function checkSessions(out, { root, before, cgroup, mibEach, until }) {
  const isWhole = ({ leader }) => residentBytes(leader.pid) >= mibEach * MIB
  await until(
    'the programs to have their memory',
    async () => (await listSessions(root)).every(isWhole),
    60_000,
  )
  await until('the former tmux servers to exit', () => !before.some(isServerAlive), 30_000)
  const sessions = new Map((await listSessions(root)).map((session) => [session.identity, session]))
  const views = new Map((await fleetStatus(root)).map((view) => [view.identity, view]))
  for (const { identity, gen: formerGen } of before) {
    const { gen = formerGen, socketPath, leader, paneId } = sessions.get(identity) ?? {}
    out.check(gen !== formerGen, `${identity} has no new session`)
    if (gen === formerGen) continue
    const { state, canary } = views.get(identity) ?? {}
    out.check(state === 'running' && canary === 'guard', `${identity} is ${state}, its recorder is ${canary}`)
    const format = '#{pane_id} #{pane_pid} #{pane_dead}'
    const argv = ['-S', socketPath, 'list-panes', '-t', `=${identity}`, '-F', format]
    const { stdout } = await promisify(execFile)('tmux', argv, { timeout: 10_000 })
    out.check(
      stdout.trim() === `${paneId} ${leader.pid} 0`,
      `the session of ${identity} has ${stdout.trim()}`,
    )
    out.check(cgroup.pids.includes(leader.pid), `the program of ${identity} is not in the cgroup`)
  }
}
