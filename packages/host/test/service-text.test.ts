import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory, run } from '@iapeer/dev/testing'
import { SaxesParser } from 'saxes'
import { describe, expect, it } from 'vitest'
import { renderLaunchdPlist, renderSystemdUnit } from '../src/index.ts'

const track = asyncCleanups()

const PLAIN = {
  root: '/home/me/.iapeer',
  node: '/usr/bin/node',
  entry: '/usr/lib/node_modules/@iapeer/daemon/dist/main.js',
  path: '/usr/local/bin:/usr/bin:/bin',
}

const HOSTILE = '/a b/100%h/$HOME/"q"/\\n/\'s/<&>/é/--x;#'

async function verify(text: string): Promise<string | undefined> {
  const directory = privateDirectory()
  track(directory.remove)
  const unit = join(directory.path, 'iapeerd.service')
  writeFileSync(unit, text)
  const done = await run('systemd-analyze', ['verify', '--man=no', unit]).catch(() => undefined)
  return done === undefined ? undefined : `${done.exitCode} ${done.stderr}`
}

/** Returns the values and comments of a property list in order, read by a strict XML parser. */
function readPlist(text: string): { values: string[]; comments: string[] } {
  const [values, comments]: [string[], string[]] = [[], []]
  const parser = new SaxesParser()
  let content = ''
  parser.on('opentag', (tag) => {
    content = ''
    if (tag.name === 'true' || tag.name === 'false') values.push(tag.name)
  })
  parser.on('text', (more) => {
    content += more
  })
  parser.on('closetag', (tag) => {
    if (['key', 'string', 'integer'].includes(tag.name)) values.push(content)
    content = ''
  })
  parser.on('comment', (comment) => {
    comments.push(comment.trim())
  })
  parser.on('error', (error) => {
    throw error
  })
  parser.write(text).close()
  return { values, comments }
}

describe('the systemd unit', () => {
  it('restarts the daemon, and stops no peer with it', () => {
    expect(renderSystemdUnit(PLAIN)).toMatchSnapshot()
  })

  it.each([
    ['a blank', '/a b', '"/a b"'],
    ['a specifier', '/100%h', '"/100%%h"'],
    ['a variable', '/$HOME', '"/$$HOME"'],
    ['quotes', '/"q"\'s', '"/\\"q\\"\'s"'],
    ['a backslash', '/a\\n', '"/a\\\\n"'],
    ['a newline', '/a\nExecStop=/bin/rm', '"/a\\nExecStop=/bin/rm"'],
    ['control characters', '/\u0001\u0085', '"/\\x01\\u0085"'],
  ])('escapes %s in a path', (_what, root, written) => {
    const text = renderSystemdUnit({ ...PLAIN, root, entry: root })
    const start = text.split('\n').filter((line) => line.startsWith('ExecStart='))
    expect(start).toEqual([`ExecStart="/usr/bin/node" ${written} "--foreground" "--root" ${written}`])
    expect(text.split('\n').filter((line) => line.startsWith('ExecStop'))).toEqual([])
  })

  it('has one assignment for each variable, in which a dollar is not escaped', () => {
    const text = renderSystemdUnit({ ...PLAIN, path: '/a b:/%h:/$x', env: { IAPEER_SOCK_DIR: '/s "t"' } })
    expect(text).toContain('Environment="IAPEER_SOCK_DIR=/s \\"t\\""\nEnvironment="PATH=/a b:/%%h:/$x"\n')
  })

  it('passes systemd-analyze verify, also with hostile paths', async () => {
    const directory = privateDirectory()
    track(directory.remove)
    const odd = join(directory.path, "100%h $HOME's é;")
    mkdirSync(odd)
    const node = join(odd, 'node').replaceAll("'", '')
    mkdirSync(join(node, '..'), { recursive: true })
    symlinkSync('/bin/true', node)
    for (const spec of [
      { ...PLAIN, node },
      { ...PLAIN, node, root: HOSTILE, entry: HOSTILE, path: HOSTILE },
      { ...PLAIN, node, root: '/a\nb', path: 'c\td' },
    ])
      expect([undefined, '0 ']).toContain(await verify(renderSystemdUnit(spec)))
    // The same check reports a program that does not exist, which shows that it has read the path.
    const wrong = await verify(renderSystemdUnit({ ...PLAIN, node: `${node}x` }))
    if (wrong !== undefined) expect(wrong).toContain(`${node}x`)
  })

  it('is refused for a program that systemd cannot run', () => {
    for (const node of ['/a"b/node', "/it's/node", '/a\\b/node', '/a\nb/node'])
      expect(() => renderSystemdUnit({ ...PLAIN, node })).toThrow(/systemd cannot run a program/)
  })
})

describe('the launchd agent', () => {
  it('has the same settings in the format of launchd', () => {
    expect(renderLaunchdPlist(PLAIN)).toMatchSnapshot()
  })

  it('is valid XML that preserves every path', () => {
    const spec = { root: HOSTILE, node: HOSTILE, entry: HOSTILE, path: HOSTILE, env: { 'A<&>': 'x]]>' } }
    const { values, comments } = readPlist(renderLaunchdPlist(spec))
    const at = values.indexOf('ProgramArguments')
    expect(values.slice(at, at + 6)).toEqual([
      'ProgramArguments',
      HOSTILE,
      HOSTILE,
      '--foreground',
      '--root',
      HOSTILE,
    ])
    expect(values).toEqual(
      expect.arrayContaining(['PATH', HOSTILE, 'A<&>', 'x]]>', 'KeepAlive', 'RunAtLoad']),
    )
    expect(decodeURIComponent(comments[0] ?? '')).toBe(`made by iapeer: ${HOSTILE}`)
  })

  it('is refused for characters that XML cannot contain', () => {
    for (const root of ['/a\u0001', '/a\u0000', '/a\ud800', '/a\ufffe', '/a\r'])
      expect(() => renderLaunchdPlist({ ...PLAIN, root })).toThrow(/cannot contain/)
  })
})
