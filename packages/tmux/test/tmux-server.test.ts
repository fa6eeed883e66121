import { existsSync, readFileSync } from 'node:fs'
import { toIdentity } from '@iapeer/core/identity'
import { identifyProcess } from '@iapeer/core/process'
import { asyncCleanups, privateDirectory, startServer, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { parseTmuxVersion, peerSocketPath, TmuxServer, tmuxVersion } from '../src/index.ts'

const track = asyncCleanups()
const contentOf = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, 'latin1') : undefined

async function server(command?: string) {
  const directory = privateDirectory()
  track(directory.remove)
  const started = await startServer(`${directory.path}/s`, command)
  track(started.end)
  const id = await identifyProcess(started.pid)
  if (id === undefined) throw new Error('the server is gone')
  const tmux = new TmuxServer({ socketPath: started.socketPath, process: id, timeoutMs: 3_000 })
  const [pane] = await tmux.panes()
  return { ...started, directory: directory.path, handle: tmux, pane: pane?.id ?? '' }
}

describe('a tmux server', () => {
  it('lists its sessions and panes, whatever their names', async () => {
    const { handle, tmux, pane } = await server()
    await tmux('new-session', '-d', '-s', 'two words "and" quotes\\', 'exec sleep 100')
    await tmux('rename-session', '-t', 'main', 'ünï\\037x')
    const sessions = await handle.sessions()
    expect(sessions.map((one) => one.id).sort()).toEqual(['$0', '$1'])
    expect(sessions.find((one) => one.id === '$1')).toMatchObject({
      name: expect.stringContaining('two words "and" quotes'),
      attached: 0,
      windows: 1,
    })
    expect(await handle.panes()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: pane, sessionId: '$0', dead: false, inMode: false }),
      ]),
    )
  })

  it('shows non-ASCII text even in the C locale', async () => {
    const before = { ...process.env }
    for (const name of ['LANG', 'LC_ALL', 'LC_CTYPE']) delete process.env[name]
    try {
      const { handle, tmux, pane } = await server(`printf 'b\\303\\274ro'; exec sleep 100`)
      await tmux('rename-session', '-t', 'main', 'a b')
      expect(await handle.sessions()).toMatchObject([{ id: '$0', name: 'a b', windows: 1 }])
      await until('its text', async () => (await handle.capturePane(pane)).startsWith('büro'))
    } finally {
      Object.assign(process.env, before)
    }
  })

  it('captures a pane, sends keys and text, and pastes lines without submitting them', async () => {
    const { handle, pane, directory } = await server(`exec bash --norc --noprofile`)
    await handle.sendKeys(pane, [
      { text: `bind 'set enable-bracketed-paste on'; PS1='$ '` },
      { key: 'Enter' },
    ])
    await handle.sendKeys(pane, [
      { text: 'echo Enter; -x;' },
      { key: 'C-u' },
      { text: `echo a > ${directory}/a;` },
      { key: 'Enter' },
    ])
    await until('the line with its last character', () => contentOf(`${directory}/a`) === 'a\n')
    expect(await handle.capturePane(pane)).toContain('/a;')
    await until('the prompt', async () => /\$ *$/.test((await handle.capturePane(pane)).trimEnd()))
    await handle.paste(pane, `echo one > ${directory}/f\necho "#{pid} ; two" >> ${directory}/f`)
    await until('the paste', async () => (await handle.capturePane(pane)).includes('two'))
    expect(contentOf(`${directory}/f`)).toBeUndefined()
    await handle.sendKeys(pane, [{ key: 'Enter' }])
    await until('both lines to have run', () => contentOf(`${directory}/f`) === 'one\n#{pid} ; two\n')
  })

  it('pastes a megabyte unchanged', async () => {
    const { handle, pane, directory } = await server(
      `exec sh -c 'stty raw -echo; exec head -c 1048576 > "\${TMUX%/s,*}/big"'`,
    )
    const out = `${directory}/big`
    await until('the reader', () => contentOf(out) === '')
    const text = 'x'.repeat(1_048_575)
    await handle.paste(pane, `${text}\n`)
    await until('all of it', () => contentOf(out)?.length === 1_048_576)
    expect(readFileSync(out, 'latin1')).toBe(`${text}\n`)
  })

  it("returns its options, and fails with tmux's message for a pane that does not exist", async () => {
    const { handle, socketPath } = await server()
    expect(await handle.option('exit-empty', 'server')).toBe('on')
    expect(await handle.option('history-limit')).toBe('2000')
    await expect(handle.capturePane('%99')).rejects.toMatchObject({
      code: 'tmux-refused',
      message: expect.stringContaining("can't find pane"),
      hint: expect.stringContaining(socketPath),
    })
  })

  it('is alive, unresponsive while it is stopped, and dead when its process is gone', async () => {
    const { handle, stop, kill, end, pane } = await server()
    expect(await handle.alive()).toBe('alive')
    await stop()
    expect(await handle.alive()).toBe('unresponsive')
    kill('SIGCONT')
    await until('it to answer', async () => (await handle.alive()) === 'alive')
    await end()
    expect(await handle.alive()).toBe('dead')
    await expect(handle.capturePane(pane)).rejects.toMatchObject({ code: 'tmux-refused' })
  })

  it('is unreachable if another server uses its socket or the socket is gone', async () => {
    const [one, two] = [await server(), await server()]
    const id = await identifyProcess(one.pid)
    if (id === undefined) throw new Error('gone')
    expect(await new TmuxServer({ socketPath: two.socketPath, process: id }).alive()).toBe('unreachable')
    expect(await new TmuxServer({ socketPath: `${one.directory}/none`, process: id }).alive()).toBe(
      'unreachable',
    )
  })
})

describe('a socket path', () => {
  it('contains the identity, or a hash of it if that is too long', () => {
    expect(peerSocketPath('/r/run', toIdentity('claude-bob'))).toBe('/r/run/tmux-iap-claude-bob.sock')
    const long = peerSocketPath(`/${'d'.repeat(70)}`, toIdentity(`claude-${'b'.repeat(32)}`))
    expect(long).toMatch(/\/tmux-iap-[0-9a-f]{12}\.sock$/)
    expect(long).toBe(peerSocketPath(`/${'d'.repeat(70)}`, toIdentity(`claude-${'b'.repeat(32)}`)))
    expect(() => peerSocketPath(`/${'d'.repeat(110)}`, toIdentity('claude-bob'))).toThrow(
      expect.objectContaining({
        code: 'socket-path-too-long',
        hint: expect.stringContaining('sockets.directory'),
      }),
    )
  })
})

describe('the version of tmux', () => {
  it.each([
    ['tmux 3.3a', '3.3a', []],
    ['tmux next-3.6', 'next-3.6', []],
    ['tmux master', 'master', []],
    ['tmux 3.2', '3.2', ['no-dead-signal']],
    ['tmux 3.1c', '3.1c', ['no-guard', 'no-dead-signal']],
    ['tmux 2.9', '2.9', ['no-guard', 'no-dead-signal']],
  ])('%s lacks %j', (output, text, degraded) => {
    expect(parseTmuxVersion(`${output}\n`)).toEqual({ text, degraded })
  })

  it('is read from tmux -V; a missing or broken tmux is an error', async () => {
    expect((await tmuxVersion()).text).toMatch(/\d/)
    await expect(tmuxVersion('/nowhere/tmux')).rejects.toMatchObject({ code: 'tmux-missing' })
    await expect(tmuxVersion('false')).rejects.toMatchObject({ code: 'tmux-unusable' })
  })
})
