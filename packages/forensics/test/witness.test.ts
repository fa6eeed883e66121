import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judge, killerOf, parseExitLine, parseWitness } from '../src/index.ts'

const WITNESS = `witness ts_ms=1795370020266 by=32146 command=kill-server confidence=high client=client-32144
process pid=4242 depth=0 ppid=4240 user=root tty=? start=Sun_Nov_22_17:53:39_2026 command="tmux -S /s kill-server"
process pid=4240 depth=1 ppid=1 user=root tty=? start=Sun_Nov_22_17:53:39_2026 command="bash cleanup.sh"
process pid=1 depth=2 ppid=0 user=root tty=? start=Sun_Nov_22_16:08:36_2026 command=init
`
const LINE =
  'ts=2026-06-10T15:42:07Z ev=server-exit identity=claude-bob gen=9f2c41d0aa37be10 server_pid=8 wait_rc=0 cause=killed-by-command mode=guard recorder=guard forensics='

describe('a witness', () => {
  it('names the killer and its ancestors, nearest first', () => {
    expect(killerOf(parseWitness(WITNESS))).toEqual({
      pid: 4242,
      command: 'tmux -S /s kill-server',
      ...{ user: 'root', tty: '?' },
      ancestors: [
        { pid: 4240, command: 'bash cleanup.sh', user: 'root', tty: '?' },
        { pid: 1, command: 'init', user: 'root', tty: '?' },
      ],
    })
  })

  it('with low confidence or two candidates names no killer', () => {
    expect(killerOf(parseWitness(WITNESS.replace('high', 'low')))).toBeUndefined()
    expect(killerOf(parseWitness(WITNESS + WITNESS.split('\n')[1]))).toBeUndefined()
    expect(killerOf(undefined)).toBeUndefined()
  })

  it('adds the killer and its parent to the verdict', () => {
    const record = parseExitLine(LINE)
    if (record === undefined) throw new Error('not parsed')
    const sure = judge(record, { witness: parseWitness(WITNESS) })
    expect(sure).toMatchObject({ verdict: 'killed-by-command', confidence: 'high', killer: { pid: 4242 } })
    expect(sure.summary).toBe(
      'the tmux server was killed by the tmux command kill-server, run by pid 4242, started by pid 4240 (bash cleanup.sh)',
    )
    expect(sure.evidence[0]).toEqual({ section: 'witness', fact: 'pid 4242: tmux -S /s kill-server' })
    const unsure = judge(record, { witness: parseWitness(WITNESS.replace('high', 'low')) })
    expect(unsure).not.toHaveProperty('killer')
    expect(unsure.summary).toContain('which process ran it is not certain')
    expect(judge(record).summary).toBe('the tmux server was killed by a tmux command')
  })

  it('names no killer for a death that no command caused', () => {
    const record = parseExitLine(
      LINE.replace('killed-by-command', 'killed').replace('wait_rc=0', 'wait_rc=137'),
    )
    expect(record && judge(record, { witness: parseWitness(WITNESS) })).not.toHaveProperty('killer')
  })

  it('is parsed without an exception, whatever its text and wherever it is cut', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.boolean(),
        (text, headed) =>
          (parseWitness(`${headed ? 'witness command=x ' : ''}${text}`)?.killers.length ?? 0) >= 0,
      ),
    )
    for (let cut = 0; cut <= WITNESS.length; cut++) parseWitness(WITNESS.slice(0, cut))
  })
})
