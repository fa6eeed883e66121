import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { REPOSITORY, workspacePackages } from '../src/workspace.ts'

interface Job {
  readonly needs?: string | readonly string[]
  readonly permissions?: Readonly<Record<string, string>>
  readonly 'timeout-minutes'?: number
  readonly if?: string
  readonly outputs?: Readonly<Record<string, string>>
  readonly strategy?: { readonly matrix?: Readonly<Record<string, readonly unknown[]>> }
  readonly steps: readonly {
    readonly id?: string
    readonly if?: string
    readonly uses?: string
    readonly run?: string
    readonly with?: Readonly<Record<string, unknown>>
  }[]
}
interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, Job>>
}

const read = (...path: string[]): string => readFileSync(join(REPOSITORY, ...path), 'utf8')
const GITHUB = join(REPOSITORY, '.github')
const workflows = readdirSync(join(GITHUB, 'workflows')).map((name) => {
  const text = read('.github', 'workflows', name)
  const parsed: Workflow = parse(text, { strict: true })
  return [name, parsed, text] as const
})
const workflowOf = (wanted: string): Workflow => {
  const found = workflows.find(([name]) => name === wanted)
  if (found === undefined) throw new Error(`${wanted} is missing`)
  return found[1]
}

describe.each(workflows)('the workflow %s', (_name, { permissions, jobs }, text) => {
  const all = Object.entries(jobs)

  it('may only read, unless a job says otherwise, and every job has a time limit', () => {
    expect(permissions).toEqual({ contents: 'read' })
    expect(all.filter(([, job]) => job['timeout-minutes'] === undefined).map(([name]) => name)).toEqual([])
  })

  it('names jobs, steps, actions, packages and scripts that exist', () => {
    for (const [, job] of all)
      for (const name of [job.needs ?? []].flat()) expect(Object.keys(jobs)).toContain(name)
    for (const [, name = '', output = ''] of text.matchAll(/needs\.([\w-]+)\.outputs\.([\w-]+)/g))
      expect(Object.keys(jobs[name]?.outputs ?? {})).toContain(output)
    for (const [, job] of all)
      for (const value of Object.values(job.outputs ?? {})) {
        const [, id] = /steps\.([\w-]+)\.outputs/.exec(value) ?? []
        expect(job.steps.map((step) => step.id)).toContain(id)
      }
    const steps = all.flatMap(([, job]) => job.steps)
    for (const { uses, run } of steps) {
      expect(uses ?? run).toBeTruthy()
      if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@v\d+$/)
      for (const [, script = ''] of (run ?? '').matchAll(/\bnode (\S+\.mjs)/g))
        expect([script, existsSync(join(REPOSITORY, script))]).toEqual([script, true])
      for (const [, name = ''] of (run ?? '').matchAll(/--filter (@iapeer\/[a-z]+)/g))
        expect(workspacePackages().map(({ manifest }) => manifest.name)).toContain(name)
    }
  })

  it('installs the pnpm of this repository', () => {
    const { packageManager } = JSON.parse(read('package.json'))
    for (const [found] of text.matchAll(/pnpm@[\d.]+/g)) expect(found).toBe(packageManager)
  })
})

it('continuous integration tests every package that has tests, on the newest Node.js first', () => {
  const matrix = workflowOf('ci.yml').jobs['test']?.strategy?.matrix
  const tested = workspacePackages()
    .filter(
      ({ directory }) => directory !== '.' && existsSync(join(REPOSITORY, directory, 'vitest.config.ts')),
    )
    .map(({ manifest }) => manifest.name.replace('@iapeer/', ''))
  expect([...(matrix?.['package'] ?? [])].sort()).toEqual(tested.sort())
  expect(matrix?.['node']).toEqual([24, 22, 20.19])
})

it('only the job that publishes may ask for an identity, and a rehearsal has no secret', () => {
  const { jobs } = workflowOf('release.yml')
  const asking = workflows.flatMap(([name, { jobs }]) =>
    Object.entries(jobs)
      .filter(([, { permissions }]) => permissions?.['id-token'] === 'write')
      .map(([job]) => `${name} ${job}`),
  )
  expect(asking).toEqual(['release.yml publish'])
  expect(JSON.stringify(jobs['rehearse'])).toMatch(/publish\.mjs --dry-run/)
  expect(JSON.stringify(jobs['rehearse'])).not.toMatch(/secrets\./)
  expect(JSON.stringify(jobs['publish'])).toMatch(/"NPM_CONFIG_PROVENANCE":"true"/)
})

it('nothing is published by a push', () => {
  const { jobs } = workflowOf('release.yml')
  const publishing = Object.entries(jobs).filter(([, job]) =>
    /publish\.mjs(?! --dry-run)/.test(JSON.stringify(job)),
  )
  expect(publishing.map(([name]) => name)).toEqual(['publish'])
  expect(jobs['publish']?.if).toContain("github.event_name == 'workflow_dispatch' && !inputs.dry-run")
})

it('the pull request of a release also updates the lockfile, which has the versions of the packages', () => {
  const { scripts } = JSON.parse(read('package.json'))
  const steps = workflowOf('release.yml').jobs['pull-request']?.steps ?? []
  const version = steps.find(({ uses }) => uses?.startsWith('changesets/action@'))?.with?.['version']
  expect(version).toBe('pnpm version-packages')
  expect(scripts['version-packages']).toBe('changeset version && pnpm install --lockfile-only')
})

it('what was published is tagged, also if a later package could not be published', () => {
  const steps = workflowOf('release.yml').jobs['publish']?.steps ?? []
  const push = steps.find(({ run }) => run?.startsWith('git push'))
  expect(push?.if).toContain('!cancelled()')
})

it.each([
  ['ci.yml', 'agents'],
  ['weekly.yml', 'agents'],
])('%s %s fails if the tests of Claude Code or Codex were skipped', (workflow, job) => {
  const last = workflowOf(workflow)
    .jobs[job]?.steps.filter(({ run }) => run !== undefined)
    .at(-1)
  expect(last?.run).toMatch(/compatibility\.mjs --expect "Claude Code" --expect Codex .*(?:\.json\s*)+$/)
})

describe('the issue forms', () => {
  const forms = readdirSync(join(GITHUB, 'ISSUE_TEMPLATE')).filter((name) => name !== 'config.yml')

  it.each(forms)('%s has the fields of a form, and each id once', (name) => {
    const form = parse(read('.github', 'ISSUE_TEMPLATE', name), { strict: true })
    expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) })
    const fields: readonly { type: string; id: string; attributes: { label?: string } }[] = form.body
    for (const { type, attributes } of fields) {
      expect(['textarea', 'input', 'dropdown', 'checkboxes', 'markdown']).toContain(type)
      expect(attributes.label).toEqual(expect.any(String))
    }
    expect(new Set(fields.map(({ id }) => id)).size).toBe(fields.length)
  })

  it.each(forms)('%s asks for the version of iapeer', (name) => {
    expect(read('.github', 'ISSUE_TEMPLATE', name)).toMatch(/placeholder: .*, iapeer \d/)
  })

  it('one asks for the autopsy as Markdown, which the command prints', () => {
    expect(read('.github', 'ISSUE_TEMPLATE', 'wrong-verdict.yml')).toContain('iapeer autopsy <id> --markdown')
    expect(read('docs', 'commands.md')).toMatch(/^ {2}--markdown +print Markdown for an issue/m)
  })
})

it('Renovate finds every version that its own patterns are for', () => {
  const { customManagers } = JSON.parse(read('.github', 'renovate.json'))
  const files = ['README.md', 'CONTRIBUTING.md', 'packages/dev/src/agents/versions.json']
  const paths = [...files, ...workflows.map(([name]) => `.github/workflows/${name}`)]
  for (const { managerFilePatterns, matchStrings, depNameTemplate } of customManagers) {
    const patterns: RegExp[] = managerFilePatterns.map((one: string) => new RegExp(one.slice(1, -1)))
    const found = paths
      .filter((path) => patterns.some((one) => one.test(path)))
      .flatMap((path) => [...read(path).matchAll(new RegExp(matchStrings[0], 'g'))])
    expect([depNameTemplate, found.length > 0]).toEqual([depNameTemplate, true])
  }
})
