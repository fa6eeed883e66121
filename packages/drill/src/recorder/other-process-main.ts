// The program of another process of a recorder campaign. It declares an intent, prints its state, and completes it on a line `done`; or it
// reconciles once.
import { createInterface } from 'node:readline'
import { completeIntent, declareIntent, reconcile } from '@iapeer/canary'
import type { OtherJob } from './other-process.ts'

const other: OtherJob = JSON.parse(process.argv[2] ?? '')

if (other.job === 'reconcile') await reconcile(other.location)
else {
  const { state } = await declareIntent({ ...other.target, by: 'another process', why: 'deliberate stop' })
  process.stdout.write(`${state}\n`)
  for await (const line of createInterface({ input: process.stdin }))
    if (line === 'done') process.stdout.write(`${(await completeIntent(other.target)).state}\n`)
}
