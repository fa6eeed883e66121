import { describe, expect, it } from 'vitest'
import { footerOf, frameOf, pageRoom, pageRows, roomFor } from '../src/live-view/frame.ts'
import {
  arranged,
  type Content,
  type KeyCommand,
  NEW_VIEW,
  pressed,
  type View,
} from '../src/live-view/view.ts'
import { widthOf } from '../src/table.ts'

const COMMANDS: readonly KeyCommand[] = [
  { name: 'attach', key: 'enter', help: 'attach to its terminal' },
  { name: 'stop', key: 's', asks: true, help: 'stop it' },
  { name: 'logs', key: 'l', help: 'print its output' },
]
const KEYS_LINE = 'Enter attach  s stop  l logs  ? help  q quit'
const LONG = 'cannot stop it: the server 服务器 does not answer; '.repeat(8)

const contentOf = (ids: readonly string[]): Content => ({
  head: 'PEER    STATE',
  items: ids.map((id) => ({ id, line: `● ${id}  running` })),
  empty: ['no peers yet', '  iapeer create NAME'],
})
const numbered = (count: number) => Array.from({ length: count }, (_none, at) => `p${at}`)

/** A view under test: the pure part with a size. */
class Screen {
  view: View = NEW_VIEW
  content: Content
  columns: number
  rows: number

  constructor(content: Content, columns = 60, rows = 8) {
    this.content = content
    this.columns = columns
    this.rows = rows
    this.lines()
  }

  #frame() {
    const size = { columns: this.columns, rows: this.rows }
    return { view: this.view, content: this.content, size, commands: COMMANDS }
  }

  #arrange() {
    const frame = this.#frame()
    const room = roomFor(this.content, frame.size, footerOf(frame).length)
    this.view = arranged(this.view, this.content, room)
    return room
  }

  lines(): string[] {
    this.#arrange()
    return frameOf(this.#frame())
  }

  press(...keys: readonly string[]) {
    let action: ReturnType<typeof pressed>['action']
    for (const key of keys) {
      const room = this.#arrange()
      const { size } = this.#frame()
      const onPage = this.view.page !== undefined
      const result = pressed(this.view, key, {
        content: this.content,
        commands: COMMANDS,
        room: onPage ? pageRoom(size) : room,
        pageRows: onPage ? pageRows({ view: this.view, size }).length : 0,
      })
      this.view = result.view
      action = result.action
    }
    return action
  }

  selected() {
    this.#arrange()
    return this.view.selected?.id
  }
}

describe('a live view', () => {
  it('shows the head, the items with the selected one marked, how many more there are, and the keys', () => {
    const screen = new Screen(contentOf(numbered(14)))
    expect(screen.lines()).toEqual([
      '  PEER    STATE',
      '> ● p0  running',
      '  ● p1  running',
      '  ● p2  running',
      '  ● p3  running',
      '  ● p4  running',
      '+ 9 more',
      KEYS_LINE,
    ])
    screen.press(...Array<string>(5).fill('down'))
    expect(screen.lines()).toEqual([
      '  PEER    STATE',
      ...['p1', 'p2', 'p3', 'p4'].map((id) => `  ● ${id}  running`),
      '> ● p5  running',
      '+ 8 more, 1 above',
      KEYS_LINE,
    ])
    screen.press('end')
    expect(screen.lines().slice(-3)).toEqual(['> ● p13  running', '9 above', KEYS_LINE])
  })

  it.each([
    [1, 1],
    [5, 1],
    [40, 6],
    [80, 24],
    [200, 60],
    [30, 2],
    [30, 3],
    [12, 4],
  ])(
    'at %i x %i columns and rows, no line is too wide or too many, and every item can be reached',
    (columns, rows) => {
      for (const count of [0, 1, 4, 5, 23, 100]) {
        const screen = new Screen(contentOf(numbered(count)), columns, rows)
        for (const status of [undefined, LONG]) {
          screen.view = { ...screen.view, status }
          const lines = screen.lines()
          expect(lines.length).toBeLessThanOrEqual(rows)
          for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns)
        }
        const reached = new Set<string | undefined>()
        for (let at = 0; at < count; at++) {
          reached.add(screen.selected())
          if (columns > 1) expect(screen.lines().filter((line) => line.startsWith('>'))).toHaveLength(1)
          screen.press('j')
        }
        expect(reached.size).toBe(count)
      }
    },
  )

  it('counts exactly the items that are not shown', () => {
    for (let rows = 4; rows < 30; rows++)
      for (let count = 1; count < 30; count++) {
        const screen = new Screen(contentOf(numbered(count)), 60, rows)
        for (const key of ['home', 'down', 'pagedown', 'end', 'pageup', 'up']) {
          screen.press(key)
          const lines = screen.lines()
          const shown = lines.filter((line) => /^[> ] ●/.test(line)).length
          const hidden = lines.flatMap((line) => [...line.matchAll(/^\+ (\d+) more|(\d+) above$/g)])
          const counted = hidden.reduce((sum, [, more, above]) => sum + Number(more ?? above), 0)
          expect(`${shown + counted} of ${count}`).toBe(`${count} of ${count}`)
        }
      }
  })

  it('moves with the arrows, j and k, a screen, Home and End, and stops at both ends', () => {
    const screen = new Screen(contentOf(numbered(30)))
    const after = (...keys: string[]) => {
      screen.press(...keys)
      return screen.selected()
    }
    expect(after('up')).toBe('p0')
    expect(after('down', 'j')).toBe('p2')
    expect(after('k')).toBe('p1')
    expect(after('pagedown')).toBe('p6')
    expect(after('end')).toBe('p29')
    expect(after('down', 'pagedown')).toBe('p29')
    expect(after('pageup')).toBe('p24')
    expect(after('home')).toBe('p0')
    expect(after('x', 'J', 'ctrl-n', '')).toBe('p0')
  })

  it('keeps the selection on its item when the items are sorted anew', () => {
    const screen = new Screen(contentOf(numbered(20)))
    screen.press('down', 'down', 'down')
    expect(screen.selected()).toBe('p3')
    screen.content = contentOf(['p3', ...numbered(20).filter((id) => id !== 'p3')])
    expect(screen.selected()).toBe('p3')
    expect(screen.lines()[1]).toBe('> ● p3  running')
    screen.content = contentOf([...numbered(20).filter((id) => id !== 'p3'), 'p3'])
    expect(screen.selected()).toBe('p3')
    expect(screen.lines()).toContain('> ● p3  running')
  })

  it('selects the next item when the selected one is gone, and the last one at the end', () => {
    const screen = new Screen(contentOf(['a', 'b', 'c']))
    screen.press('down')
    screen.content = contentOf(['a', 'c'])
    expect(screen.selected()).toBe('c')
    screen.content = contentOf(['a'])
    expect(screen.selected()).toBe('a')
    screen.content = contentOf([])
    expect(screen.selected()).toBeUndefined()
    expect(screen.lines()).toEqual(['no peers yet', '  iapeer create NAME', KEYS_LINE])
    expect(screen.press('enter')).toBeUndefined()
    screen.content = contentOf(['z'])
    expect(screen.selected()).toBe('z')
  })

  it('runs a command on the selected item, and asks first where the command says so', () => {
    const screen = new Screen(contentOf(['a', 'b']))
    screen.press('down')
    expect(screen.press('enter')).toMatchObject({ kind: 'run', command: { name: 'attach' }, id: 'b' })
    expect(screen.press('s')).toBeUndefined()
    expect(screen.lines().at(-1)).toBe('stop b? (y/n)')
    for (const key of ['n', 'enter', 'escape', 'Y', 'down', 'q']) {
      expect(screen.press(key)).toBeUndefined()
      expect(screen.lines().at(-1)).toBe(KEYS_LINE)
      expect(screen.press('s')).toBeUndefined()
    }
    expect(screen.press('y')).toMatchObject({ kind: 'run', command: { name: 'stop' }, id: 'b' })
    expect(screen.lines().at(-1)).toBe(KEYS_LINE)
  })

  it('asks about the item that was selected, also if another one is selected when the answer is given', () => {
    const screen = new Screen(contentOf(['a', 'b']))
    screen.press('s')
    screen.content = contentOf(['b', 'c'])
    expect(screen.lines().at(-1)).toBe('stop a? (y/n)')
    expect(screen.press('y')).toMatchObject({ id: 'a' })
  })

  it('shows a result until the next key, and before it a problem', () => {
    const screen = new Screen({ ...contentOf(['a']), notice: 'the disk is full' })
    expect(screen.lines().at(-1)).toBe('the disk is full')
    screen.view = { ...screen.view, status: 'a is stopped' }
    expect(screen.lines().at(-1)).toBe('a is stopped')
    screen.press('down')
    expect(screen.lines().at(-1)).toBe('the disk is full')
  })

  it('breaks a long result where there is room, and cuts it where there is none', () => {
    const screen = new Screen(contentOf(['a', 'b']), 40, 24)
    screen.view = {
      ...screen.view,
      status: 'the daemon (pid 12) does not answer; iapeer daemon stop stops it',
    }
    expect(screen.lines().slice(-2)).toEqual([
      'the daemon (pid 12) does not answer;',
      'iapeer daemon stop stops it',
    ])
    screen.rows = 6
    expect(screen.lines().at(-1)).toBe('the daemon (pid 12) does not answer; ia…')
  })

  it('shows a page, scrolls it within its ends, breaks long lines, and closes it', () => {
    const screen = new Screen(contentOf(['a']), 10, 5)
    const lines = ['one', 'a line that is longer than the screen', 'three', 'four']
    screen.view = { ...screen.view, page: { title: 'logs of a', lines, top: Number.MAX_SAFE_INTEGER } }
    expect(screen.lines().slice(1)).toEqual(['screen', 'three', 'four', 'q back'])
    screen.press('up')
    expect(screen.lines()[3]).toBe('three')
    screen.press('home', 'up')
    expect(screen.lines()[1]).toBe('one')
    expect(screen.press('s')).toBeUndefined()
    expect(screen.view.question).toBeUndefined()
    expect(screen.press('q')).toBeUndefined()
    expect(screen.view.page).toBeUndefined()
    expect(screen.press('q')).toEqual({ kind: 'quit' })
  })

  it('prints the help of each key', () => {
    const screen = new Screen(contentOf(['a']), 60, 20)
    screen.press('?')
    const text = screen.lines().join('\n')
    for (const line of [
      'Enter       attach to its terminal',
      's           stop it',
      '?           print the keys',
    ])
      expect(text).toContain(line)
    screen.press('escape')
    expect(screen.lines()).toContain('> ● a  running')
  })
})
