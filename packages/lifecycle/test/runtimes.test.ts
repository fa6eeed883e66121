import { mkdirSync, realpathSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import type { PeerProfile } from '@iapeer/core/profile'
import { parseLaunchEnv } from '@iapeer/core/storage'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { adapterOf } from '../src/runtimes/adapters.ts'
import { claudeSlug } from '../src/runtimes/claude-sessions.ts'
import type { LaunchRequest } from '../src/runtimes/runtime.ts'

const track = asyncCleanups()
const of = (name: string) => adapterOf(toRuntime(name))

const PROFILE: PeerProfile = {
  personality: toPersonality('bob'),
  defaultRuntime: toRuntime('claude'),
  runtimes: [toRuntime('claude')],
  description: '',
  intelligence: 'artificial',
  interfaces: {},
}

const request = (more: Partial<LaunchRequest> = {}): LaunchRequest => ({
  profile: PROFILE,
  launchEnv: parseLaunchEnv('PEER_START_ARGS=--model "a b"'),
  cwd: '/x',
  env: {},
  ...more,
})

const everything = { systemPromptFile: '/p/a "b".md', resume: 'id-1', bearer: 'secret' }

describe('the command line of', () => {
  it.each([
    ['claude', request(), ['claude', '--dangerously-skip-permissions', '--model', 'a b']],
    [
      'claude',
      request(everything),
      [
        'claude',
        '--dangerously-skip-permissions',
        '--system-prompt-file',
        '/p/a "b".md',
        '--resume',
        'id-1',
        '--model',
        'a b',
      ],
    ],
    [
      'claude',
      request({ launchEnv: parseLaunchEnv('PEER_DISALLOWED_TOOLS=Bash,Edit') }),
      ['claude', '--dangerously-skip-permissions', '--disallowedTools=Bash,Edit'],
    ],
    [
      'codex',
      request(),
      ['codex', '--dangerously-bypass-approvals-and-sandbox', '--no-daemon', '--model', 'a b'],
    ],
    [
      'codex',
      request({ ...everything, profile: { ...PROFILE, command: ['npx', 'codex'] } }),
      [
        'npx',
        'codex',
        '--dangerously-bypass-approvals-and-sandbox',
        '--no-daemon',
        '-c',
        'model_instructions_file="/p/a \\"b\\".md"',
        '--model',
        'a b',
        'resume',
        'id-1',
      ],
    ],
    ['notifier', request({ profile: { ...PROFILE, command: ['bell'] } }), ['bell', '--model', 'a b']],
  ])('%s', (name, wanted, argv) => {
    expect(of(name).buildArgv(wanted)).toEqual(argv)
  })

  it('codex holds no bearer: that is in its environment', () => {
    expect(of('codex').buildArgv(request(everything)).join(' ')).not.toContain('secret')
    expect(of('codex').environment?.(request(everything))).toEqual({ IAPEER_BEARER: 'secret' })
    expect(of('codex').environment?.(request())).toEqual({})
  })

  it.each(['command', 'telegram', 'notifier'])('%s is in the profile', (name) => {
    expect(() => of(name).buildArgv(request())).toThrow(expect.objectContaining({ code: 'command-missing' }))
  })
})

describe('the sessions of a directory', () => {
  const ID = '0123abcd-0000-4000-8000-00000000000'
  interface Place {
    readonly home: string
    readonly cwd: string
    readonly write: (path: string, text: string, atSecs: number) => void
  }
  function location(): Place {
    const directory = privateDirectory()
    track(directory.remove)
    const path = realpathSync(directory.path)
    const cwd = join(path, 'my work')
    mkdirSync(cwd)
    const write = (name: string, text: string, atSecs: number): void => {
      const file = join(path, name)
      mkdirSync(join(file, '..'), { recursive: true })
      writeFileSync(file, text)
      utimesSync(file, atSecs, atSecs)
    }
    return { home: path, cwd, write }
  }

  it('of claude: the newest that names it, and what its agents do counts', async () => {
    const { home, cwd, write } = location()
    const lookup = { env: { HOME: home }, cwd, paneLog: '' }
    expect(await of('claude').resolveResume(lookup)).toBeUndefined()
    const projects = `.claude/projects/${claudeSlug(cwd)}`
    const said = (directory: string): string =>
      `{"type":"mode"}\n{"type":"user","cwd":${JSON.stringify(directory)}}\n`
    write(`${projects}/${ID}1.jsonl`, said(cwd), 1_000)
    write(`${projects}/${ID}2.jsonl`, said(cwd), 2_000)
    // Its slug is the same.
    write(`${projects}/${ID}3.jsonl`, said(join(home, 'my-work')), 3_000)
    write(`${projects}/notes.jsonl`, said(cwd), 4_000)
    expect(await of('claude').resolveResume(lookup)).toBe(`${ID}2`)
    expect(await of('claude').newestActivity(lookup)).toBe(2_000_000)
    write(`${projects}/${ID}2/subagents/agent-1.jsonl`, '', 5_000)
    expect(await of('claude').newestActivity(lookup)).toBe(5_000_000)
    const elsewhere = { ...lookup, env: { HOME: home, CLAUDE_CONFIG_DIR: join(home, 'other') } }
    expect(await of('claude').resolveResume(elsewhere)).toBeUndefined()
    expect(await of('claude').resolveResume({ ...lookup, cwd: join(home, 'gone') })).toBeUndefined()
  })

  it('of codex: the newest that was started in it, by a person', async () => {
    const { home, cwd, write } = location()
    const lookup = { env: { HOME: home }, cwd, paneLog: '' }
    expect(await of('codex').newestActivity(lookup)).toBeUndefined()
    const meta = (directory: string, source = '"cli"'): string =>
      `{"type":"session_meta","payload":{"cwd":${JSON.stringify(directory)},"source":${source},"base_instructions":"${'x'.repeat(99_999)}"}}\n`
    const day = '.codex/sessions/2026/01'
    write(`${day}/02/rollout-2026-01-02T03-04-05-${ID}1.jsonl`, meta(cwd), 1_000)
    write(`${day}/01/rollout-2026-01-01T03-04-05-${ID}2.jsonl`, meta(cwd), 2_000)
    write(`${day}/03/rollout-2026-01-03T03-04-05-${ID}3.jsonl`, meta('/x'), 3_000)
    write(`${day}/03/rollout-2026-01-03T03-04-05-${ID}4.jsonl`, meta(cwd, '{"subagent":"review"}'), 4_000)
    expect(await of('codex').resolveResume(lookup)).toBe(`${ID}2`)
    expect(await of('codex').newestActivity(lookup)).toBe(2_000_000)
  })

  it('of a command: none, and what it prints is what it does', async () => {
    const { home, cwd, write } = location()
    write('pane.log', 'x', 7_000)
    const lookup = { env: {}, cwd, paneLog: join(home, 'pane.log') }
    expect(await of('command').resolveResume(lookup)).toBeUndefined()
    expect(await of('command').newestActivity(lookup)).toBe(7_000_000)
    expect(await of('command').newestActivity({ ...lookup, paneLog: join(home, 'none') })).toBeUndefined()
  })

  it.each([
    ['/home/ann/my_work.d', '-home-ann-my-work-d'],
    [
      // By the rule that Claude Code 2.1.197 was seen to follow.
      `/home/ann/projects/${Array.from({ length: 14 }, (_, at) => `long-folder-name-${at + 1}`).join('/')}`,
      '-home-ann-projects-long-folder-name-1-long-folder-name-2-long-folder-name-3-long-folder-name-4-long-folder-name-5-long-folder-name-6-long-folder-name-7-long-folder-name-8-long-folder-name-9-long-folde-hcefhh',
    ],
  ])('of claude are kept by the name of the directory: %s', (path, slug) => {
    expect(claudeSlug(path)).toBe(slug)
  })
})
