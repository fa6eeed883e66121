import { IapeerError } from '@iapeer/core/errors'
import { parseIdentity } from '@iapeer/core/identity'
import { type ExitRecord, judge } from '@iapeer/forensics'
import { localTime, paint, print, printJson, table } from '../output.ts'
import { bringUpToDate, readDeaths, readFindings } from '../records.ts'

/** An id names one death; an identity means its last one, a peer's name the last one of the peer. */
async function findDeath(name: string): Promise<ExitRecord> {
  const records = await readDeaths()
  const found =
    records.find((record) => record.id === name) ??
    records.findLast((record) => record.identity === name) ??
    records.findLast((record) => parseIdentity(record.identity)?.personality === name)
  if (found !== undefined) return found
  throw new IapeerError(`no death is recorded of ${JSON.stringify(name)}`, {
    code: 'no-such-death',
    hint: 'iapeer deaths shows what is recorded.',
  })
}

const CONFIDENCE = { high: 'green', medium: 'yellow', low: 'red' } as const

export async function autopsy(name: string, options: { readonly json?: boolean }): Promise<void> {
  await bringUpToDate()
  const record = await findDeath(name)
  const findings = await readFindings(record)
  const { snapshot } = findings
  const judged = judge(record, findings)
  const { verdict, confidence, summary, evidence } = judged
  if (options.json === true) return printJson({ id: record.id, ...judged })
  print(`${paint('bold', record.identity)}: ${summary}`)
  print('')
  print(
    table([
      ['verdict', `${paint('bold', verdict)} (confidence ${paint(CONFIDENCE[confidence], confidence)})`],
      ['when', `${localTime(record.ts)} (${record.ts})`],
      [
        'recorded by',
        record.recorder === undefined || record.recorder === 'none'
          ? 'reconcile, afterwards'
          : `its ${record.recorder}`,
      ],
      ['id', record.id],
      [
        'snapshot',
        snapshot === undefined
          ? `${record.forensics ?? 'none'} (cannot be read)`
          : (record.forensics ?? 'none'),
      ],
    ]),
  )
  print('')
  print(paint('bold', 'evidence'))
  print(table(evidence.map(({ section, fact }) => [`  ${paint('dim', section)}`, fact])))
  if (snapshot?.complete === false) print('\nThe snapshot was cut off: its last section may be short.')
}
