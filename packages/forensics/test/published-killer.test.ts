import { describe, expect, it } from 'vitest'
import { judge, parseWitness, publishedKiller } from '../src/index.ts'
import { loadCase } from './support.ts'

const one = (pid: number, command: string, tty = 'pts/3', user = 'ada') => ({ pid, command, tty, user })
const killer = one(50, 'tmux -L x kill-server')

describe('a killer that leaves the machine', () => {
  it('has ancestors up to the end of its session, with arguments only for the nearest', () => {
    const ancestors = [
      one(40, 'bash cleanup.sh --all'),
      one(30, 'make -C /home/ada clean'),
      one(20, '"/opt/My Shell/zsh" -l'),
      one(10, 'sandbox --env {"TOKEN":"1"}', '?'),
      one(5, 'other --env 2', '?', 'root'),
    ]
    expect(publishedKiller({ ...killer, ancestors }).ancestors.map(({ command }) => command)).toEqual([
      'bash cleanup.sh --all',
      'make',
      '"/opt/My Shell/zsh"',
    ])
  })

  it.each([
    ['/usr/lib/systemd/systemd --user --token 1', '/usr/lib/systemd/systemd'],
    ['sshd: ada@pts/3', 'sshd:'],
    ['tmux -L private new -s secret', 'tmux'],
    ['/usr/sbin/cron -f', '/usr/sbin/cron'],
  ])('has %j as the last ancestor, without arguments', (command, shown) => {
    const ancestors = [one(40, command, '?', 'root'), one(30, 'container --env 1')]
    expect(publishedKiller({ ...killer, ancestors }).ancestors.map((it) => it.command)).toEqual([shown])
  })

  it('has ancestors up to the leader of its session, also without a terminal', () => {
    const at = (session: number, pid: number, command: string) => ({ ...one(pid, command, '?'), session })
    const leader = at(40, 40, 'bash cleanup.sh --all')
    const above = [at(20, 30, 'sandbox --env {"A":"hunter2"}'), at(20, 20, 'other --env 2')]
    const ofSession = { ...killer, tty: '?', session: 40 }
    expect(publishedKiller({ ...ofSession, ancestors: [leader, ...above] }).ancestors).toEqual([leader])
    expect(publishedKiller({ ...ofSession, session: 50, ancestors: above }).ancestors).toEqual([])
    const manager = at(5, 5, '/usr/lib/systemd/systemd --user')
    expect(publishedKiller({ ...ofSession, ancestors: [leader, manager] }).ancestors).toEqual([
      leader,
      { ...manager, command: '/usr/lib/systemd/systemd' },
    ])
  })

  it('of another user or pid 1 has no ancestors', () => {
    for (const next of [one(40, 'sudo --secret', 'pts/3', 'root'), one(1, 'init')])
      expect(publishedKiller({ ...killer, ancestors: [next] }).ancestors).toEqual([])
  })

  it('keeps its chain if neither users nor terminals were recorded', () => {
    const ancestors = [
      { pid: 40, command: 'bash a b' },
      { pid: 30, command: 'make c' },
    ]
    expect(publishedKiller({ pid: 50, command: 'kill 1 2', ancestors })).toEqual({
      ...{ pid: 50, command: 'kill 1 2' },
      ancestors: [ancestors[0], { pid: 30, command: 'make' }],
    })
  })
})

describe('the summary of a death by a tmux command', () => {
  /** Returns the summary for a killer in one session, and a parent in another or the same one. */
  function summary(sessionOfParent: number): string {
    const { record, findings } = loadCase('starved-machine-kill-server')
    const witness =
      parseWitness(`witness ts_ms=${Date.parse(record.ts) - 100} by=9 command=kill-server confidence=high via=connection
process pid=4242 depth=0 ppid=4240 user=ada tty=? start=x session=4242 command="tmux -S /r/s kill-server"
process pid=4240 depth=1 ppid=1 user=ada tty=? start=x session=${sessionOfParent} command="sandbox --env hunter2"
`)
    return judge(record, { ...findings, witness }).summary
  }

  it('names the process that started the killer if that is in its session, as notifications have the summary', () => {
    expect(summary(4242)).toContain('run by pid 4242, started by pid 4240 (sandbox --env hunter2)')
    expect(summary(4240)).toMatch(/run by pid 4242$/)
  })
})
