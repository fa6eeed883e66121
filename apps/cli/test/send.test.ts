import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { acknowledge, messageView, returnMessage } from '@iapeer/lifecycle/mail'
import { describe, expect, it } from 'vitest'
import { mailHomes, pathIn, taking } from './mail-support.ts'
import { jsonLines, MAIN } from './support.ts'

const newHome = mailHomes()
const ID = /m_[a-z2-7]{16}/
const OPERATOR = { kind: 'operator', proof: 'terminal' } as const
const NO_DAEMON = 'iapeer: no daemon is running: it is given when one runs; iapeer daemon start\n'
const as = ['--as', 'operator']

describe('iapeer send', () => {
  it.runIf(isFullCampaign())(
    'stores the words, a file, standard input or a pipe, and says that no daemon runs',
    async () => {
      const home = newHome()
      await home.peer('bob', 'sleep 1000')
      writeFileSync(pathIn(home, 'text'), 'from a file\n')
      const sent = [
        await home.withInput('ignored', 'send', 'bob', 'two', 'words', ...as),
        await home.withInput('', 'send', 'bob', '--message', 'an option', ...as),
        await home.withInput('', 'send', 'bob', '--file', pathIn(home, 'text'), ...as),
        await home.withInput('a\nb\n', 'send', 'bob', '-', ...as),
        await home.withInput('a pipe\n', 'send', 'bob', ...as),
      ]
      for (const done of sent)
        expect(done).toEqual({
          exitCode: 0,
          stdout: expect.stringMatching(/^m_\w{16} stored for bob\n$/),
          stderr: NO_DAEMON,
        })
      const inbox = jsonLines((await home.iapeer('inbox', 'bob', '--json')).stdout)
      expect(inbox.map(({ text }) => text)).toEqual([
        'two words',
        'an option',
        'from a file',
        'a\nb',
        'a pipe',
      ])
    },
  )

  it('refuses a text that is missing, given twice, too long or not text', async () => {
    const home = newHome()
    await home.peer('bob', 'sleep 1000')
    writeFileSync(pathIn(home, 'long'), 'x'.repeat(300_000))
    const cases: readonly (readonly [
      input: string | Uint8Array,
      args: readonly string[],
      message: RegExp,
    ])[] = [
      ['', [], /no text is given, and standard input is empty\n {2}Use one of/],
      ['', ['-'], /standard input is empty/],
      ['', ['hi', '--file', 'x'], /the text is given twice: words and --file/],
      ['', ['--file', pathIn(home, 'none')], /cannot read .*none: it does not exist/],
      ['', ['--file', pathIn(home, 'long')], /is too long for a message\n.*16,000 characters/],
      ['x'.repeat(16_001), ['-'], /16,?000|16001/],
      [new Uint8Array([0x61, 0]), ['-'], /standard input has a NUL byte/],
      [new Uint8Array([0xff, 0xfe]), ['-'], /standard input is not text in UTF-8/],
      ['', ['hi', '--timeout', '5s'], /--timeout needs a wait/],
      ['', ['hi', '--wait', 'read'], /invalid --wait "read"/],
      ['', ['hi', '--expires', 'soon'], /invalid --expires "soon": expected a duration/],
      ['', ['hi', '-x'], /To send words that begin with -, put -- before the text/],
    ]
    await Promise.all(
      cases.map(async ([input, args, message]) => {
        const done = await home.withInput(input, 'send', 'bob', ...args, ...as)
        expect([args, done.exitCode, done.stderr]).toEqual([args, 2, expect.stringMatching(message)])
      }),
    )
    expect((await home.iapeer('inbox', 'bob')).stdout).toBe('no open messages for bob\n')
  })

  it('exits by the receipt: 4 unknown peer, 7 returned, 6 held, 9 out of time, each with what to do', async () => {
    const home = newHome()
    await home.peer('bob', 'sleep 1000')
    await home.peer('strict', 'sleep 1000', { hold: ['*'] })
    await home.peer('down', 'sleep 1000')
    await home.iapeer('stop', 'down')
    expect(await home.iapeer('send', 'bbo', 'hi', ...as)).toMatchObject({ exitCode: 4 })
    const returned = await home.iapeer('send', 'down', 'hi', '--wait', 'taken', ...as)
    expect(returned).toMatchObject({
      exitCode: 7,
      stdout: '',
      stderr: expect.stringMatching(
        /^iapeer: m_\w+ to down was returned: a person has stopped it; it gets no messages until it is started\n$/,
      ),
    })
    const held = await home.iapeer('send', 'strict', 'hi', '--wait', 'taken', ...as)
    expect(held.exitCode).toBe(6)
    expect(held.stderr).toMatch(
      /iapeer: (m_\w+) is stored: held by the rules of strict; a person can release it\n\1 is stored, and is given once it is released; do not send it again. iapeer mail show \1\n$/,
    )
    const late = await home.iapeer('send', 'bob', 'hi', '--wait', 'taken', '--timeout', '0', ...as)
    expect(late.exitCode).toBe(9)
    expect(late.stderr).toMatch(
      /iapeer: the time is over: (m_\w+) is waiting\n\1 is stored and will be given; do not send it again. iapeer mail show \1\n$/,
    )
    const back = await home.iapeer(
      'send',
      'bob',
      'x',
      '--wait',
      'taken',
      '--timeout',
      '0',
      '--withdraw',
      ...as,
    )
    expect(back.exitCode).toBe(7)
    expect(back.stderr).not.toContain('do not send')
    const json = await home.iapeer('send', 'strict', 'hi', '--json', ...as)
    expect(json.exitCode).toBe(6)
    expect(jsonLines(json.stdout)).toEqual([
      expect.objectContaining({ outcome: 'held', status: 'held', why: 'held: policy', to: 'strict' }),
    ])
  })

  it.runIf(isFullCampaign())(
    'ends by what happens to the message: taken, handled without an answer, returned',
    async () => {
      const home = newHome()
      await home.peer('bob', 'sleep 1000')
      const wait = async (awaited: string, act: (id: string) => Promise<unknown>) => {
        const command = home.begin('send', 'bob', 'hi', '--wait', awaited, ...as)
        const id = await until('the message', async () => {
          const [message] = jsonLines((await home.iapeer('inbox', 'bob', '--json')).stdout)
          return message === undefined ? undefined : String(message['id'])
        })
        await act(id)
        return { id, ...(await command.exited) }
      }
      const taken = await wait('taken', (id) => acknowledge(home.root, id, OPERATOR))
      expect(taken.exitCode).toBe(0)
      // The wait can end between the two steps of the acknowledgement.
      expect(taken.stdout).toMatch(new RegExp(`^${taken.id} (taken|handled)\n$`))
      const unanswered = await wait('answered', (id) => acknowledge(home.root, id, OPERATOR))
      expect(unanswered.exitCode).toBe(6)
      expect(unanswered.stderr).toContain(`iapeer: ${unanswered.id} was handled by bob, without an answer\n`)
      expect(unanswered.stderr).toContain(`${unanswered.id} was handled; do not send it again.`)
      const returned = await wait('taken', (id) => returnMessage(home.root, id, OPERATOR))
      expect(returned.exitCode).toBe(7)
    },
  )

  it('Ctrl-C exits with 130 and says that the message stays stored', async () => {
    const home = newHome()
    await home.peer('bob', 'sleep 1000')
    const command = home.begin('send', 'bob', 'hi', '--wait', 'answered', ...as)
    await until('the wait', async () => (await home.iapeer('inbox', 'bob', '--json')).stdout !== '')
    command.kill('SIGINT')
    const { exitCode, stderr } = await command.exited
    expect(exitCode).toBe(130)
    expect(stderr).toMatch(
      /(m_\w+) is stored and will be given; do not send it again. iapeer mail show \1\n$/,
    )
    const id = ID.exec(stderr)?.[0] ?? ''
    expect((await messageView(home.root, id)).state).toBe('waiting')
  })

  it('waits for an answer of a program, whose sender is proven; a session is never the operator', async () => {
    const home = newHome()
    const iapeer = `"${process.execPath}" "${MAIN}"`
    const out = pathIn(home, 'senders')
    await home.peer(
      'bob',
      taking(`id=\${f##*/}; id=\${id%-*}
    ${iapeer} send operator --re "$id" 'an\u0007swer'
    env -u IAPEER_BEARER ${iapeer} send operator 'without'
    env -u IAPEER_BEARER ${iapeer} send operator 'as' --as operator >"${out}" 2>&1; echo "exit $?" >>"${out}"
    IAPEER_BEARER=iapb_dead ${iapeer} send operator 'dead' >>"${out}" 2>&1; echo "exit $?" >>"${out}"
    echo done >>"${out}"`),
      { way: 'directory' },
    )
    await home.startDaemon()
    const done = await home.iapeer('send', 'bob', 'go', '--wait', 'answered', '--timeout', '15s', ...as)
    expect(done).toMatchObject({
      exitCode: 0,
      stdout: 'an\u0007swer\n',
      stderr: expect.stringMatching(/^iapeer: m_\w+ answers m_\w+\n$/),
    })
    const text = await until('the other senders', () => {
      const found = existsSync(out) ? readFileSync(out, 'utf8') : ''
      return found.endsWith('done\n') ? found : undefined
    })
    expect(text).toMatch(/a process of command-bob cannot send as the operator\nexit 1\n/)
    expect(text).toMatch(
      /IAPEER_BEARER is not that of a running session of this root\n(?:.*\n)*exit 1\ndone\n$/,
    )
    const all = jsonLines((await home.iapeer('inbox', 'operator', '--all', '--json')).stdout)
    expect(all.map(({ text, fromProof, from, state }) => [text, from, fromProof, state])).toEqual([
      ['an\u0007swer', 'bob', 'bearer', 'handled'],
      ['without', 'bob', 'ancestor', 'waiting'],
    ])
  })
})
