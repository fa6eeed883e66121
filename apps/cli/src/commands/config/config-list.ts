import { FILE_SETTINGS, type FileSetting, readConfig } from '@iapeer/core/config'
import { iapeerRoot } from '@iapeer/core/paths'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { paint, plain, print, printJson } from '../../output.ts'
import { firstFitting, table, tableWidth } from '../../table.ts'
import { wrapLines } from '../../wrap.ts'
import { type Effective, effectiveValue } from './effective.ts'

function fromText({ from, at }: Effective): string {
  if (at === undefined) return from
  return from === 'environment' ? `environment (${at})` : `${from}:${at}`
}

interface Row {
  readonly setting: FileSetting
  readonly found: Effective
}

/** Yields the forms of the list, the widest first: a table, then two lines for each setting. */
function* settingTables(rows: readonly Row[]): Generator<string> {
  const cells = rows.map(({ setting, found }): [string, string, string] => [
    setting.key,
    found.value === undefined ? paint('dim', 'unset') : plain(found.value),
    fromText(found),
  ])
  yield table([['SETTING', 'VALUE', 'FROM'], ...cells])
  yield cells.map(([key, value, from]) => wrapLines(`${key}  ${from}\n  ${value}`)).join('\n')
}

export default defineCommand({
  name: 'config list',
  summary: 'list the settings, their values and where each value comes from. Exit code 1 if one is invalid',
  options: { json: { help: 'print NDJSON: a line with one JSON object per setting' } },
  run: ({ options: { json } }) => {
    const config = readConfig(iapeerRoot())
    const rows = FILE_SETTINGS.map((setting) => ({ setting, found: effectiveValue(setting, config) }))
    if (json)
      for (const { setting, found } of rows)
        printJson({ key: setting.key, variable: setting.variable, ...found })
    else print(firstFitting(settingTables(rows), tableWidth()))
    const problems = new Set([
      ...config.problems.map(({ message }) => message),
      ...rows.flatMap(({ found }) => found.problem ?? []),
    ])
    for (const problem of problems) process.stderr.write(`iapeer: ${problem}\n`)
    if (problems.size > 0) process.exitCode = EXIT.failed
  },
})
