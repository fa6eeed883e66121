import { join } from 'node:path'
import { expect, it } from 'vitest'
import { isFullCampaign, run } from '../src/testing/index.ts'
import { publishedPackages, REPOSITORY } from '../src/workspace.ts'

const SCRIPT = join(REPOSITORY, 'packages', 'dev', 'scripts', 'publish.mjs')

it.runIf(isFullCampaign())(
  'every public package can be published, after the packages that it depends on',
  async () => {
    const done = await run(process.execPath, [SCRIPT, '--dry-run'], { limitMs: 280_000 })
    expect(done).toMatchObject({ exitCode: 0, stderr: '' })
    const listed = [...done.stdout.matchAll(/^(@iapeer\/[a-z]+)@([\d.]+): \d+ files, \d+ bytes$/gm)]
    const order = listed.map(([, name]) => name)
    const published = publishedPackages()
    expect([...order].sort()).toEqual(published.map(({ manifest }) => manifest.name).sort())
    for (const { manifest } of published)
      for (const name of Object.keys(manifest.dependencies ?? {}).filter((one) => order.includes(one)))
        expect([name, order.indexOf(name) < order.indexOf(manifest.name)]).toEqual([name, true])
  },
  300_000,
)
