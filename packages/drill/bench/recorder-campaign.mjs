// A campaign against the recorders alone: random accidents and deliberate stops of many servers at once, in both modes, while reconcilers
// run and are killed. It knows what it did to each server and checks the records afterwards.
//   node bench/recorder-campaign.mjs [acts] [servers] [seed]
import { runRecorderCampaign } from '../dist/recorder.js'

const [acts = 2_000, servers = 40, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number)
const from = performance.now()
console.log(`campaign: ${acts} acts, ${servers} servers at a time, seed ${seed}`)
const { findings, deaths, done, directory, counts } = await runRecorderCampaign({ acts, servers, seed })
console.log(
  `${done} acts in ${((performance.now() - from) / 1000).toFixed(0)} s, ${deaths} deaths recorded; ${JSON.stringify(counts)}`,
)
for (const finding of findings) console.log(JSON.stringify(finding))
console.log(
  findings.length === 0
    ? 'missed 0, false 0, twice 0, wrong cause 0, leftovers 0'
    : `${findings.length} faults; the files are kept in ${directory}`,
)
process.exitCode = findings.length === 0 ? 0 : 1
