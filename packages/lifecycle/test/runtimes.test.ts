import { mkdirSync, realpathSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import type { PeerProfile } from '@iapeer/core/profile'
import { parseLaunchEnv } from '@iapeer/core/storage'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { adapterOf } from '../src/runtimes/adapters.ts'
import { claudeSlug } from '../src/runtimes/claude-sessions.ts'
import { readPermissionArgs } from '../src/runtimes/permission-args.ts'
import type { LaunchRequest } from '../src/runtimes/runtime.ts'

const track = asyncCleanups()
const adapter = (name: string) => adapterOf(toRuntime(name))

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

const CODEX_ASKS = ['--sandbox', 'workspace-write', '--ask-for-approval', 'on-request']
const everything = { systemPromptFile: '/p/a "b".md', resume: 'id-1' }

describe('the command line of', () => {
  it.each([
    ['claude', request(), ['claude', '--permission-mode', 'default', '--model', 'a b']],
    [
      'claude',
      request(everything),
      [
        'claude',
        '--permission-mode',
        'default',
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
      ['claude', '--permission-mode', 'default', '--disallowedTools=Bash,Edit'],
    ],
    ['codex', request(), ['codex', ...CODEX_ASKS, '--no-daemon', '--model', 'a b']],
    [
      'codex',
      request({ ...everything, profile: { ...PROFILE, command: ['npx', 'codex'] } }),
      [
        'npx',
        'codex',
        ...CODEX_ASKS,
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
  ])('%s', (name, launch, argv) => {
    expect(adapter(name).buildArgv(launch)).toEqual(argv)
  })

  it.each([
    ['claude', 'own', {}, ['claude']],
    ['claude', 'skip', {}, ['claude', '--dangerously-skip-permissions']],
    ['codex', 'own', {}, ['codex', '--no-daemon']],
    ['codex', 'skip', {}, ['codex', '--dangerously-bypass-approvals-and-sandbox', '--no-daemon']],
    [
      'claude',
      undefined,
      { command: ['claude', '--permission-mode=plan'] },
      ['claude', '--permission-mode=plan'],
    ],
    [
      'claude',
      'ask',
      { args: '--dangerously-skip-permissions' },
      ['claude', '--dangerously-skip-permissions'],
    ],
    ['codex', 'skip', { args: '-s read-only' }, ['codex', '--no-daemon', '-s', 'read-only']],
  ] as const)(
    '%s with permissions %s and %j states its permissions once',
    (name, permissions, own: { readonly command?: readonly string[]; readonly args?: string }, argv) => {
      const profile = { ...PROFILE, permissions, command: own.command }
      const launchEnv = parseLaunchEnv(own.args === undefined ? '' : `PEER_START_ARGS=${own.args}`)
      expect(adapter(name).buildArgv(request({ profile, launchEnv }))).toEqual(argv)
    },
  )

  it.each([
    ['claude', ['--model', 'x'], undefined, ['--model', 'x']],
    ['claude', ['--permission-mode', 'bypassPermissions', '-c'], 'skip', ['-c']],
    ['claude', ['--permission-mode', 'acceptEdits'], 'own', []],
    ['claude', ['--allow-dangerously-skip-permissions'], undefined, ['--allow-dangerously-skip-permissions']],
    ['codex', ['--yolo', 'resume', 'id'], 'skip', ['resume', 'id']],
    ['codex', ['--sandbox', 'read-only', '-a', 'never', 'Hi'], 'own', ['Hi']],
    ['command', ['--yolo'], undefined, ['--yolo']],
  ] as const)('of %s: %j states %s', (name, args, stated, rest) => {
    expect(readPermissionArgs(name, args)).toEqual({ stated, rest })
  })

  it.each(['command', 'telegram', 'notifier'])('%s comes from the profile', (name) => {
    expect(() => adapter(name).buildArgv(request())).toThrow(
      expect.objectContaining({ code: 'command-missing' }),
    )
  })
})

describe('the sessions of a directory', () => {
  const ID = '0123abcd-0000-4000-8000-00000000000'
  interface TestHome {
    readonly home: string
    readonly cwd: string
    readonly write: (path: string, text: string, atSecs: number) => void
  }
  function newHome(): TestHome {
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

  it('of claude: the newest that names the directory is found, and the activity of its subagents counts', async () => {
    const { home, cwd, write } = newHome()
    const lookup = { env: { HOME: home }, cwd, paneLog: '' }
    expect(await adapter('claude').conversations?.newest(lookup)).toBeUndefined()
    const projects = `.claude/projects/${claudeSlug(cwd)}`
    const transcript = (directory: string): string =>
      `{"type":"mode"}\n{"type":"user","cwd":${JSON.stringify(directory)}}\n`
    write(`${projects}/${ID}1.jsonl`, transcript(cwd), 1_000)
    write(`${projects}/${ID}2.jsonl`, transcript(cwd), 2_000)
    // The slug of this directory is the same.
    write(`${projects}/${ID}3.jsonl`, transcript(join(home, 'my-work')), 3_000)
    write(`${projects}/notes.jsonl`, transcript(cwd), 4_000)
    expect(await adapter('claude').conversations?.newest(lookup)).toBe(`${ID}2`)
    expect(await adapter('claude').newestActivity(lookup)).toBe(2_000_000)
    write(`${projects}/${ID}2/subagents/agent-1.jsonl`, '', 5_000)
    expect(await adapter('claude').newestActivity(lookup)).toBe(5_000_000)
    const elsewhere = { ...lookup, env: { HOME: home, CLAUDE_CONFIG_DIR: join(home, 'other') } }
    expect(await adapter('claude').conversations?.newest(elsewhere)).toBeUndefined()
    expect(
      await adapter('claude').conversations?.newest({ ...lookup, cwd: join(home, 'gone') }),
    ).toBeUndefined()
  })

  it('of codex: the newest that was started in the directory is found, without those of subagents', async () => {
    const { home, cwd, write } = newHome()
    const lookup = { env: { HOME: home }, cwd, paneLog: '' }
    expect(await adapter('codex').newestActivity(lookup)).toBeUndefined()
    const meta = (directory: string, source = '"cli"'): string =>
      `{"type":"session_meta","payload":{"cwd":${JSON.stringify(directory)},"source":${source},"base_instructions":"${'x'.repeat(99_999)}"}}\n`
    const day = '.codex/sessions/2026/01'
    write(`${day}/02/rollout-2026-01-02T03-04-05-${ID}1.jsonl`, meta(cwd), 1_000)
    write(`${day}/01/rollout-2026-01-01T03-04-05-${ID}2.jsonl`, meta(cwd), 2_000)
    write(`${day}/03/rollout-2026-01-03T03-04-05-${ID}3.jsonl`, meta('/x'), 3_000)
    write(`${day}/03/rollout-2026-01-03T03-04-05-${ID}4.jsonl`, meta(cwd, '{"subagent":"review"}'), 4_000)
    expect(await adapter('codex').conversations?.newest(lookup)).toBe(`${ID}2`)
    expect(await adapter('codex').newestActivity(lookup)).toBe(2_000_000)
  })

  it('of a command: there are none, and its output is its activity', async () => {
    const { home, cwd, write } = newHome()
    write('pane.log', 'x', 7_000)
    const lookup = { env: {}, cwd, paneLog: join(home, 'pane.log') }
    expect(adapter('command').conversations).toBeUndefined()
    expect(await adapter('command').newestActivity(lookup)).toBe(7_000_000)
    expect(
      await adapter('command').newestActivity({ ...lookup, paneLog: join(home, 'none') }),
    ).toBeUndefined()
  })

  it.each([
    ['/home/ann/my_work.d', '-home-ann-my-work-d'],
    [
      // As observed with Claude Code 2.1.197.
      `/home/ann/projects/${Array.from({ length: 14 }, (_, at) => `long-folder-name-${at + 1}`).join('/')}`,
      '-home-ann-projects-long-folder-name-1-long-folder-name-2-long-folder-name-3-long-folder-name-4-long-folder-name-5-long-folder-name-6-long-folder-name-7-long-folder-name-8-long-folder-name-9-long-folde-hcefhh',
    ],
  ])('of claude are stored under a name made from the directory: %s', (path, slug) => {
    expect(claudeSlug(path)).toBe(slug)
  })
})
