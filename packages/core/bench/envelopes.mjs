// Extracts envelopes from 10 MB of text, and compares that with the simple way: one buffer that is searched at every chunk.
//   pnpm --filter @iapeer/core bench
import { EnvelopeExtractor, formatEnvelope } from '../dist/envelope.js'

const SIZE = 10_000_000
const header = '<iap from-personality="bob" from-runtime="claude">'
const envelope = formatEnvelope({
  fromPersonality: 'bob',
  fromRuntime: 'claude',
  fromIntelligence: 'artificial',
  ts: '2026-06-10T17:42:07+02:00',
  topic: 'build',
  attachments: [],
  message: 'It quotes </iap> and <![CDATA[ and ]]> in '.repeat(8),
})

const INPUTS = {
  envelopes: `${envelope}\n`,
  prose: 'nothing of the kind in these words, and no tag; ',
  'false starts': 'see <iap and ',
  'false starts, whole tags': header,
  'false starts, open sections': `${header}<message><![CDATA[`,
  'sections without end': `${header}<message><![CDATA[x]]><![CDATA[`,
  'ends without message': `${header}<message></message></b></iap>`,
}

function* chunks(text, size) {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}

function ours(text, size) {
  const extractor = new EnvelopeExtractor()
  let found = 0
  for (const chunk of chunks(text, size)) found += extractor.push(chunk).length
  return found + extractor.end().length
}

/** The simple way, which is wrong for a message that quotes an envelope. It stops at `until`, and returns undefined then. */
function plain(text, size, until) {
  let buffer = ''
  let found = 0
  for (const chunk of chunks(text, size)) {
    buffer += chunk
    for (
      let match = /<iap [\s\S]*?<\/iap>/.exec(buffer);
      match !== null;
      match = /<iap [\s\S]*?<\/iap>/.exec(buffer)
    ) {
      found++
      buffer = buffer.slice(match.index + match[0].length)
    }
    if (performance.now() > until) return undefined
  }
  return found
}

function timed(run) {
  const started = performance.now()
  const result = run()
  return { ms: performance.now() - started, result }
}

console.log('10 MB of text, in ms          chunk  ours  plain  ratio  found')
for (const [name, unit] of Object.entries(INPUTS)) {
  const text = unit.repeat(Math.ceil(SIZE / unit.length))
  for (const size of [64, 65_536]) {
    const mine = timed(() => ours(text, size))
    const other = timed(() => plain(text, size, performance.now() + 5_000))
    const late = other.result === undefined
    console.log(
      name.padEnd(28),
      String(size).padStart(6),
      mine.ms.toFixed(0).padStart(5),
      (late ? '>5000' : other.ms.toFixed(0)).padStart(6),
      (late ? `<${(mine.ms / 5_000).toFixed(2)}` : (mine.ms / other.ms).toFixed(2)).padStart(6),
      mine.result,
    )
  }
}
