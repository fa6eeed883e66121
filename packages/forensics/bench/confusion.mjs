// Prints the confusion matrix over the deaths in test/cases (rows: expected verdict, columns: actual verdict) and the time
// that judging takes. Fails if a verdict is wrong and not `unknown`, a confidence is too high, or judging is slow.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { judge, parseExitsLog, parseSnapshot, parseWitness, withAddendum } from '../dist/index.js'

const MOST_MS = 5
const ROUNDS = 20
const RANK = ['low', 'medium', 'high']

const directory = fileURLToPath(new URL('../test/cases/', import.meta.url))
const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined)

function load(name) {
  const at = (file) => `${directory}${name}/${file}`
  const files = existsSync(at('reports')) ? readdirSync(at('reports')) : []
  return {
    name,
    exit: read(at('exit.txt')),
    snapshot: read(at('snapshot.txt')),
    addendum: read(at('addendum.txt')),
    witness: read(at('witness.txt')),
    reports: new Map(files.map((file) => [file, read(at(`reports/${file}`))])),
    expected: JSON.parse(read(at('expected.json'))),
  }
}

function decide({ exit, snapshot, addendum, witness, reports }) {
  const [record] = parseExitsLog(exit).records
  return judge(record, {
    snapshot: withAddendum(parseSnapshot(snapshot ?? ''), parseSnapshot(addendum ?? '')),
    witness: parseWitness(witness ?? ''),
    reports,
  })
}

const cases = readdirSync(directory).sort().map(load)
const words = [...new Set(cases.map(({ expected }) => expected.verdict))].sort()
const counts = new Map(words.map((was) => [was, new Map()]))
const wrong = []
for (const one of cases) {
  const { verdict, confidence } = decide(one)
  const row = counts.get(one.expected.verdict)
  row.set(verdict, (row.get(verdict) ?? 0) + 1)
  const isWrong = verdict !== one.expected.verdict && verdict !== 'unknown'
  const isTooSure = RANK.indexOf(confidence) > RANK.indexOf(one.expected.confidence)
  if (isWrong || isTooSure)
    wrong.push(
      `${one.name}: ${verdict} ${confidence}, not ${one.expected.verdict} ${one.expected.confidence}`,
    )
}

const letter = (index) => String.fromCharCode(97 + index)
console.log(`${''.padEnd(22)}${words.map((_word, index) => letter(index).padStart(4)).join('')}`)
for (const [index, was] of words.entries()) {
  const cells = words.map((judged) => String(counts.get(was).get(judged) ?? '.').padStart(4))
  console.log(`${letter(index)} ${was.padEnd(20)}${cells.join('')}`)
}

// As large as a snapshot gets: a journal full of lines about other processes.
const noise = Array.from(
  { length: 200 },
  (_none, index) =>
    `[ 1500.${String(index).padStart(6, '0')}] Memory cgroup out of memory: Killed process ${index + 5000} (node) total-vm:66212kB, anon-rss:63232kB`,
).join('\n')
const heavy = cases
  .filter(({ snapshot }) => snapshot !== undefined)
  .map((one) => ({
    ...one,
    snapshot: one.snapshot.replace('--- core', () => `--- journal-noise\n${noise}\n--- core`),
  }))
/** Returns the best time of several rounds for each case, sorted; the best round is the least disturbed by other processes. */
function bestTimes(work) {
  const times = heavy.map((one) => {
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < ROUNDS; round++) {
      const from = performance.now()
      work(one)
      best = Math.min(best, performance.now() - from)
    }
    return best
  })
  return times.sort((a, b) => a - b)
}
// A first run without measuring: it compiles the code.
for (const one of heavy) decide(one)
const asJson = new Map(heavy.map((one) => [one, JSON.stringify(one.snapshot.split('\n'))]))
const plain = bestTimes((one) => JSON.parse(asJson.get(one)))
const judged = bestTimes(decide)
const at = (times, part) => times[Math.floor((times.length - 1) * part)]
const kib =
  Math.round(heavy.reduce((sum, { snapshot }) => sum + snapshot.length, 0) / heavy.length / 102.4) / 10
console.log(
  `\n${cases.length} deaths, ${wrong.length} wrong. Parse and judge one (${kib} KiB on average): median ${at(judged, 0.5).toFixed(2)} ms, slowest ${at(judged, 1).toFixed(2)} ms; ${(at(judged, 0.5) / at(plain, 0.5)).toFixed(0)} times a JSON.parse of the same lines`,
)
for (const line of wrong) console.log(`wrong: ${line}`)
if (at(judged, 1) > MOST_MS) {
  console.log(`too slow: more than ${MOST_MS} ms`)
  process.exitCode = 1
}
if (wrong.length > 0) process.exitCode = 1
