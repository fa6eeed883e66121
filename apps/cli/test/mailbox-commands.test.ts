import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mailbox } from '@iapeer/core/mailbox'
import { findPeer } from '@iapeer/core/registry'
import { isFullCampaign, run, until } from '@iapeer/dev/testing'
import { mailboxOf } from '@iapeer/lifecycle/mail'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { describe, expect, it } from 'vitest'
import { type MailHome, mailHomes, pathIn, taking, untilState } from './mail-support.ts'
import { jsonLines, MAIN } from './support.ts'

const newHome = mailHomes()
const as = ['--as', 'operator']

async function boxOf({ root }: MailHome, name: string): Promise<Mailbox> {
  const entry = await findPeer(root, name)
  if (entry === undefined) throw new Error(`no peer ${name}`)
  return mailboxOf(root, entry)
}

describe('the messages of a peer', () => {
  it.runIf(isFullCampaign())(
    'are printed by inbox, outbox, show and log with safe characters, and raw as JSON',
    async () => {
      const home = newHome()
      await home.peer('bob', 'sleep 1000')
      expect((await home.iapeer('inbox', 'bob')).stdout).toBe('no open messages for bob\n')
      const text = 'red \u001b[31m\u009b2J\u202e\ttab\r\nend'
      const id = await home.send('bob', '--topic', 'a\u0007b', '-m', text)
      const inbox = (await home.iapeer('inbox', 'bob')).stdout
      expect(inbox).toMatch(
        new RegExp(
          `^${id}  from operator \\(not proven\\) to bob, \\d s ago, waiting\n  topic: a b\n  red  \\[31m 2J \ttab\n  end\n\n$`,
        ),
      )
      expect(jsonLines((await home.iapeer('inbox', 'bob', '--json')).stdout)).toMatchObject([
        { id, text, topic: 'a\u0007b', from: 'operator', fromProof: 'none', status: 'waiting' },
      ])
      expect((await home.iapeer('outbox', ...as)).stdout).toMatch(
        new RegExp(`^MESSAGE +TO +STATE +AGE +WHY\n${id}  bob  waiting  \\d s +a b\n$`),
      )
      expect((await home.iapeer('mail', 'show', id)).stdout).toMatch(
        /sender +operator, not proven\n(?:.*\n)*.*history\n {2}[-\d]{10} [:\d]{8} {2}waiting\n\ntext\n {2}red {2}\[31m/,
      )
      expect((await home.iapeer('mail', 'log')).stdout).toMatch(
        new RegExp(`^\\d s ago +${id}  operator to bob: waiting\n$`),
      )
      expect(jsonLines((await home.iapeer('mail', 'log', id, '--json')).stdout)).toMatchObject([
        { id, step: '1', state: 'waiting' },
      ])
      expect(await home.iapeer('mail', 'show', 'm_aaaaaaaaaaaaaaaa')).toMatchObject({ exitCode: 4 })
      expect(await home.iapeer('inbox', 'ann')).toMatchObject({ exitCode: 4 })
      const { stderr, exitCode } = await home.iapeer('inbox')
      expect([exitCode, stderr]).toEqual([
        2,
        expect.stringContaining('Name the mailbox: a peer, or operator.'),
      ])
    },
  )

  it('that are held are not given to a program that reads its inbox, until the operator releases them', async () => {
    const home = newHome()
    const out = pathIn(home, 'seen')
    const iapeer = `"${process.execPath}" "${MAIN}"`
    await home.peer('bob', `${iapeer} inbox --follow --json >"${out}"`, { hold: ['unknown'] })
    const first = await home.send('bob', 'first')
    await home.iapeer('start', 'bob')
    const seen = () => (existsSync(out) ? jsonLines(readFileSync(out, 'utf8')).map((one) => one['id']) : [])
    await until('the first message', () => seen().length === 1)
    const held = jsonLines((await home.iapeer('send', 'bob', 'held', '--json')).stdout)[0]
    expect(held).toMatchObject({ outcome: 'held', from: 'unknown' })
    await home.iapeer('hold', 'bob', ...as)
    const third = await home.send('bob', 'third')
    const id = String(held?.['id'])
    expect((await home.iapeer('mail', 'release', id)).stderr).toContain(
      'only the operator releases held messages',
    )
    expect(await home.iapeer('mail', 'release', id, ...as)).toMatchObject({ exitCode: 0 })
    expect(seen()).toEqual([first])
    expect((await home.iapeer('unhold', 'bob', ...as)).stdout).toBe(
      'messages are given to bob again; 3 wait\n',
    )
    await until('the others', () => seen().length === 3)
    expect(seen()).toEqual([first, id, third])
    // The program acknowledges as its session; another caller cannot.
    expect((await home.iapeer('ack', first)).exitCode).toBe(1)
    expect((await home.iapeer('ack', first, third, ...as)).stdout).toBe(
      `${first} handled\n${third} handled\n`,
    )
    expect((await home.iapeer('outbox', 'operator')).stdout).toContain('no open messages from operator')
  })

  it.runIf(isFullCampaign())('can be taken back, sent again, and put on hold', async () => {
    const home = newHome()
    await home.peer('bob', 'sleep 1000')
    const id = await home.send('bob', 'one')
    expect((await home.iapeer('mail', 'return', id)).stderr).toContain(
      `${id} is from operator, not from unknown`,
    )
    expect((await home.iapeer('mail', 'return', id, ...as)).stdout).toBe(
      `${id} is returned: it will not be given\n`,
    )
    expect((await home.iapeer('mail', 'resend', id, ...as)).stdout).toMatch(/^m_\w{16} stored for bob\n$/)
    expect((await home.iapeer('hold', 'bob')).stderr).toContain(
      'only the operator puts the messages of a peer on hold',
    )
    expect((await home.iapeer('hold', 'bob', ...as)).stdout).toBe(
      'messages to bob are on hold; iapeer unhold bob gives them\n',
    )
    expect((await home.iapeer('send', 'bob', 'x', ...as)).stderr).toContain('messages to bob are on hold')
    expect((await home.iapeer('mail', 'resume', ...as)).stdout).toBe('nothing to do: messages start peers\n')
  })

  it.runIf(isFullCampaign())(
    'have a column in list at 200 columns and at 46, in any locale, and fields in its JSON',
    async () => {
      const home = newHome()
      await home.peer('ann', 'sleep 1000')
      await home.peer('bob', 'sleep 1000', { hold: ['unknown'] })
      expect((await home.iapeer('list')).stdout).not.toContain('MAIL')
      await home.send('bob', '--topic', 'a topic that is longer than the line', 'one')
      await home.iapeer('send', 'bob', 'two')
      const { tmux } = await home.server()
      const shown = async (columns: number, ...args: string[]) => {
        const env = [`IAPEER_ROOT=${home.root}`, 'LC_ALL=C', 'NO_COLOR=1', 'IAPEER_BEARER=', 'PEER_IDENTITY=']
        const words = ['env', ...env, process.execPath, MAIN, ...args]
        await tmux('resize-window', '-x', String(columns), '-y', '40')
        await tmux('respawn-window', '-k', 'sh', '-c', '"$@"; exec sleep 1000', 'sh', ...words)
        return until('the output', async () => {
          const { stdout } = await tmux('capture-pane', '-p')
          return stdout.includes('bob') ? stdout.trimEnd() : undefined
        })
      }
      expect(await shown(200, 'list')).toMatch(/MAIL(?:.*\n)*.*o bob +new +- +1 waiting, 1 held, \d s/)
      expect(await shown(46, 'list')).toMatch(
        /PEER +STATE +MAIL\no ann +new +-\no bob +new +1 waiting, 1 held, \d s/,
      )
      expect(await shown(46, 'outbox')).toMatch(/m_\w{16}\n {2}bob, waiting, \d+ s/)
      const list = jsonLines((await home.iapeer('list', '--json')).stdout)
      expect(list.map(({ personality, mail }) => [personality, mail])).toEqual([
        ['ann', undefined],
        ['bob', expect.objectContaining({ waiting: 1, held: 1, unsure: 0, isPaused: false })],
      ])
      expect((await home.iapeer('show', 'bob')).stdout).toMatch(
        /messages +wait to be read \(iapeer inbox bob\)\n +open messages +1 waiting, 1 held; the oldest: \d+ s\n/,
      )
    },
  )

  it.runIf(isFullCampaign())('are listed in the autopsy of the session that had them', async () => {
    const home = newHome()
    await home.peer('bob', taking(':').replace('while', 'exec sleep 1000\nwhile'), { way: 'directory' })
    await home.startDaemon()
    const id = await home.send('bob', '--topic', 'tests', 'one')
    await untilState(home, id, 'offered')
    expect((await home.iapeer('show', 'bob')).stdout).toMatch(
      /messages +directory\n +open messages +1 offered/,
    )
    const [session] = await listSessions(home.root)
    if (session === undefined) throw new Error('no session')
    process.kill(session.leader.pid, 'SIGKILL')
    const printed = await until('the death', async () => {
      const { stdout, exitCode } = await home.iapeer('autopsy', 'bob')
      return exitCode === 0 ? stdout : undefined
    })
    expect(printed).toMatch(
      new RegExp(`messages in flight\n  ${id} from operator, tests: offered; now (offered|waiting)\n`),
    )
    const { stdout } = await home.iapeer('autopsy', 'bob', '--json')
    expect(JSON.parse(stdout).messages).toMatchObject([{ id, from: 'operator', atDeath: 'offered' }])
  })
})

it('doctor reports messages that are stuck, files that cannot be read, and starts that are held', async () => {
  const home = newHome()
  await home.peer('bob', 'sleep 1000', { hold: ['unknown'] })
  await home.iapeer('send', 'bob', 'held')
  const box = await boxOf(home, 'bob')
  const open = join(box.directory, 'open')
  const [name = ''] = readdirSync(open)
  const message = JSON.parse(readFileSync(join(open, name), 'utf8'))
  const old = new Date(Date.now() - 3_600_000).toISOString()
  writeFileSync(
    join(open, name),
    JSON.stringify({
      ...message,
      at: old,
      history: message.history.map((step: object) => ({ ...step, at: old })),
    }),
  )
  writeFileSync(join(open, '00000007-m_aaaaaaaaaaaaaaaa.json'), JSON.stringify({ ...message, v: 99 }))
  writeFileSync(join(open, '00000008-m_bbbbbbbbbbbbbbbb.json'), 'garbage')
  mkdirSync(join(box.directory, 'closed'), { recursive: true })
  writeFileSync(join(box.directory, 'closed', '00000001-m_cccccccccccccccc.json.corrupt'), '')
  writeFileSync(join(home.root, 'state', 'mail', 'starts-held'), `${old}\n`)
  const hold = { schemaVersion: 1, kind: 'repeated', atMs: 1, deaths: 30 }
  writeFileSync(join(home.root, 'state', 'launch', 'hold.json'), JSON.stringify(hold))
  const { stdout, exitCode } = await home.iapeer('doctor', '--json')
  const found = jsonLines(stdout).filter(({ check }) => check === 'messages')
  expect(exitCode).toBe(1)
  expect(found.map(({ id, what }) => [id, what])).toEqual([
    ['starts-held', expect.stringContaining('messages start no peers since')],
    ['restarts-held', expect.stringContaining('no peer is restarted: 30 peers died together again')],
    ['message-held', 'one message to bob is held, for up to 60 min'],
    ['message-newer', expect.stringContaining('written by a later version')],
    ['message-corrupt', 'a message to bob cannot be read, and is not given'],
    ['message-corrupt', 'a message to bob cannot be read, and is not given'],
  ])
  expect((await run('ls', [open])).stdout).not.toContain('corrupt')
})
