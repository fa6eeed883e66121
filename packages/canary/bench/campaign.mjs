// A campaign: random accidents and deliberate stops of many servers at once, in both modes, while reconcilers run and are
// killed. It knows what it did to each server and checks the records afterwards.
//   node bench/campaign.mjs [acts] [servers] [seed]
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { ensureCanary, reconcile, startGuardedServer } from '../dist/index.js'
import { ACTS, isAlive } from './campaign-acts.mjs'
import { childProcess, exec, join, scratch, sleep, startServer, tokenOf } from './support.mjs'

/** A random number generator with a seed (mulberry32): the same seed gives the same acts. */
function generator(seed) {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

async function until(_what, look, limitMs = 40_000) {
  const end = performance.now() + limitMs
  for (;;) {
    if (await look()) return true
    if (performance.now() > end) return false
    await sleep(10)
  }
}

async function startGeneration(location, number, mode) {
  const identity = `${mode === 'guard' ? 'guarded' : 'watched'}-n${number}`
  const socketPath = join(location.path, `s${number}`)
  const recordDir = join(location.path, 'rec')
  const request = { identity, socketPath, recordDir }
  const tmux = (...args) =>
    exec('tmux', ['-S', socketPath, ...args], { env: { ...process.env, TMUX: '' }, timeout: 20_000 }).catch(
      (error) => error,
    )
  let pid
  let gen
  if (mode === 'guard') {
    const started = await startGuardedServer({ ...request, timeoutMs: 30_000 })
    ;({
      server: { pid },
      gen,
    } = started)
    await tmux(
      '-N',
      'new-session',
      '-d',
      '-s',
      'main',
      'exec sleep 1000',
      ';',
      'set-option',
      '-s',
      'exit-empty',
      'on',
    )
  } else {
    ;({ pid } = await startServer(socketPath, 'main'))
    const armed = await ensureCanary(request)
    if (armed.state !== 'spawned') throw new Error(`not armed: ${JSON.stringify(armed)}`)
    gen = armed.gen
  }
  const server = { pid, token: tokenOf(pid) }
  const gone = () => until('the exit of the server', () => !isAlive(server.pid, server.token))
  const stop = async () => {
    await tmux('kill-server')
    await gone()
  }
  return { ...request, mode, gen, server, tmux, gone, stop, number }
}

function readDeaths(recordDir) {
  const path = join(recordDir, 'exits.log')
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => Object.fromEntries(line.split(' ').map((word) => word.split(/=(.*)/s).slice(0, 2))))
}

const statePath = (generation) =>
  join(generation.recordDir, 'state', 'canary', `${generation.identity}-${generation.gen}`)

/** Must be checked as soon as a generation is settled: only the newest 500 records are kept. */
function snapshotIsWhole(generation) {
  const path = join(generation.recordDir, 'server-deaths', `${generation.identity}-${generation.gen}.txt`)
  return existsSync(path) && readFileSync(path, 'utf8').endsWith('\n--- end\n')
}

function judge({ generation, act, expected, whole, settled }, deaths) {
  // A server has one death, recorded under one of its identities.
  const names = [generation, ...(generation.alsoAs ? [generation.alsoAs] : [])]
  const mine = deaths.filter((line) =>
    names.some((one) => line.gen === one.gen && line.identity === one.identity),
  )
  const faults = []
  const say = (kind) =>
    faults.push({
      kind,
      act,
      mode: generation.mode,
      number: generation.number,
      cause: mine.map((line) => line.cause).join(),
      gen: generation.gen,
    })
  if (mine.length > 1) say('twice')
  else if (!expected.records.includes(mine.length)) say(mine.length === 0 ? 'missed' : 'false')
  for (const line of mine) if (!expected.causes.has(line.cause)) say('wrong cause')
  if (mine.length === 1 && !whole) say('no whole snapshot')
  if (!settled) say('not settled')
  return faults
}

/** Runs reconcilers one after another and kills some of them. */
async function reconcileRepeatedly(location, random, running) {
  while (running.on) {
    const child = childProcess('reconcile.mjs', { recordDir: join(location.path, 'rec') })
    if (random(2) === 0) {
      await sleep(60 + random(120))
      await child.killed()
    } else await child.exited
    await sleep(50 + random(200))
  }
}

/** Runs `acts` acts on `servers` servers at a time; returns the faults and the number of each act. */
export async function runCampaign({ acts, servers, seed, only }) {
  const random = generator(seed)
  const location = scratch()
  const names = Object.keys(ACTS).filter((name) => only === undefined || only.includes(name))
  const plan = Array.from({ length: acts }, (_none, number) => ({
    number,
    name: names[random(names.length)],
    mode: random(2) === 0 ? 'guard' : 'watch',
    delay: random(50),
    seed: random(2 ** 31),
  }))
  const results = []
  const running = { on: true }
  const reconcilers = reconcileRepeatedly(location, generator(seed + 1), running)
  const queue = plan.values()
  const worker = async () => {
    for (const step of queue) {
      const generation = await startGeneration(location, step.number, step.mode)
      await sleep(step.delay)
      const expected = await ACTS[step.name](generation, generator(step.seed))
      await generation.gone()
      const names = [generation, ...(generation.alsoAs ? [generation.alsoAs] : [])]
      const settled = await until('settling', () => names.every((one) => !existsSync(statePath(one))))
      results.push({ generation, act: step.name, expected, settled, whole: names.some(snapshotIsWhole) })
    }
  }
  await Promise.all(Array.from({ length: servers }, worker))
  running.on = false
  await reconcilers
  const recordDir = join(location.path, 'rec')
  for (let round = 0; round < 3; round++) await reconcile({ recordDir })
  const deaths = readDeaths(recordDir)
  const faults = results.flatMap((one) => judge(one, deaths))
  await sleep(2_000)
  faults.push(...leftovers(location, recordDir))
  if (faults.length === 0) await location.remove()
  return {
    faults,
    deaths: deaths.length,
    done: results.length,
    directory: location.path,
    counts: count(results),
  }
}

function count(results) {
  const counts = {}
  for (const { act } of results) counts[act] = (counts[act] ?? 0) + 1
  return counts
}

/** Returns processes that name the campaign's private directory, and files of recorders that were not removed. */
function leftovers(location, recordDir) {
  const faults = []
  for (const pid of readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
  )) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
      if (words.includes(location.path)) faults.push({ kind: 'leftover process', pid, words })
    } catch {
      // The process has exited.
    }
  }
  for (const name of readdirSync(join(recordDir, 'state', 'canary')))
    faults.push({ kind: 'leftover file', name })
  for (const name of readdirSync(join(recordDir, 'server-deaths')))
    if (/\.(part|pipe|out|early)$|takeover/.test(name)) faults.push({ kind: 'leftover file', name })
  return faults
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [acts = 2_000, servers = 40, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number)
  const from = performance.now()
  console.log(`campaign: ${acts} acts, ${servers} servers at a time, seed ${seed}`)
  const { faults, deaths, done, directory, counts } = await runCampaign({ acts, servers, seed })
  console.log(
    `${done} acts in ${((performance.now() - from) / 1000).toFixed(0)} s, ${deaths} deaths recorded; ${JSON.stringify(counts)}`,
  )
  for (const fault of faults) console.log(JSON.stringify(fault))
  console.log(
    faults.length === 0
      ? 'missed 0, false 0, twice 0, wrong cause 0, leftovers 0'
      : `${faults.length} faults; the files are kept in ${directory}`,
  )
  process.exitCode = faults.length === 0 ? 0 : 1
}
