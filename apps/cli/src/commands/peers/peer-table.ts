import { homedir } from 'node:os'
import {
  compareShown,
  exitText,
  type ShownState,
  type ShownWord,
  shownText,
  turnText,
} from '@iapeer/lifecycle/fleet/status'
import { paint, plain } from '../../output.ts'
import { table, widthOf } from '../../table.ts'
import { ageText, type TimeOptions, timeText } from '../../times.ts'
import { type ListedPeer, mailText } from './peer-mail.ts'
import { costText, countText } from './tokens-text.ts'

/** How the table of peers is printed. */
export interface TableOptions extends TimeOptions {
  /** The width of the terminal; undefined: no limit. */
  readonly columns?: number | undefined
  /** Whether the tokens and their cost are printed. */
  readonly cost?: boolean | undefined
}

const GLYPHS = {
  'gave up': paint('red', '✕'),
  unresponsive: paint('red', '!'),
  blocked: paint('yellow', '!'),
  dead: paint('red', '✕'),
  failed: paint('red', '✕'),
  queued: paint('yellow', '○'),
  restarting: paint('yellow', '○'),
  running: paint('green', '●'),
  exited: paint('dim', '○'),
  suspended: paint('dim', '○'),
  stopped: paint('dim', '○'),
  new: paint('dim', '○'),
} as const satisfies Record<ShownWord, string>

/** Returns the state in its colour: `failed (exit 1)`. */
export function paintedState(shown: ShownState, text = shownText(shown)): string {
  if (!shown.isTrouble) return text
  return paint(shown.word === 'blocked' ? 'yellow' : 'red', text)
}

/** Returns the glyph of a state. */
export const glyphOf = ({ word }: ShownState): string => GLYPHS[word]

/** Returns the glyph of a peer: one that runs can wait for a person, or be unable to answer. */
function peerGlyph({ shown, turn }: ListedPeer): string {
  if (shown.word !== 'running') return glyphOf(shown)
  if (turn?.state === 'blocked') return paint('yellow', '!')
  return turn?.state === 'mute' ? paint('red', '!') : glyphOf(shown)
}

/** Returns a path with `~` for the home directory. */
export function homeShort(path: string, home = homedir()): string {
  if (path === home) return '~'
  return home !== '' && home !== '/' && path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path
}

const NONE = paint('dim', '-')

interface Column {
  readonly head: string
  readonly cell: (peer: ListedPeer, options: TableOptions) => string
}

/** The name, the runtimes where there are several, and a mark if its agent acts without asking for permission. */
const nameCell = ({ personality, runtimes, permissions }: ListedPeer): string =>
  [
    paint('bold', personality),
    runtimes.length > 1 ? paint('dim', ` (${runtimes.join(', ')})`) : '',
    permissions === 'skip' ? paint('yellow', ' !skip') : '',
  ].join('')

function deathCell({ death }: ListedPeer, options: TableOptions): string {
  if (death === undefined) return NONE
  return `${plain(exitText(death) ?? 'cause unknown')}, ${timeText(death.ts, options)}`
}

const TURN_COLORS = {
  blocked: 'yellow',
  mute: 'red',
  working: 'green',
  idle: undefined,
  unknown: 'dim',
} as const

function paintedTurn(
  turn: NonNullable<ListedPeer['turn']>,
  { words, options }: { readonly words: string; readonly options: TableOptions },
): string {
  const color = TURN_COLORS[turn.state]
  const age = turn.since === undefined || options.utc === true ? '' : ` ${ageText(turn.since, options)}`
  const text = `${plain(words)}${age}`
  return color === undefined ? text : paint(color, text)
}

/** What its agent does, and for how long: `idle 3 min`, `mute: rate limit 40 min`. */
const turnCell = ({ turn }: ListedPeer, options: TableOptions): string =>
  turn === undefined ? NONE : paintedTurn(turn, { words: turnText(turn), options })

/** The narrow form: `blocked 3 min`. */
const SHORT_TURN: Column = {
  head: 'TURN',
  cell: ({ turn }, options) =>
    turn === undefined ? NONE : paintedTurn(turn, { words: turn.state, options }),
}

/** What waits for it, and the age of the oldest: `2 waiting, 1 held, 12 min`. */
function mailCell({ mail }: ListedPeer, options: TableOptions): string {
  const text = mail === undefined ? '' : mailText(mail)
  if (mail === undefined || text === '') return NONE
  const age = mail.oldestAt === undefined ? '' : `, ${ageText(mail.oldestAt, options)}`
  return mail.unsure > 0 || mail.held > 0 ? paint('yellow', text + age) : text + age
}

/** What went in, from the cache or not, and what came out: `1.2M in, 34k out`. */
function tokensCell({ tokens }: ListedPeer): string {
  if (tokens === undefined) return NONE
  const { input, cacheRead, cacheWrite, output } = tokens.total
  return `${countText(input + cacheRead + cacheWrite)} in, ${countText(output)} out`
}

const costCell = ({ tokens }: ListedPeer): string =>
  tokens?.cost === undefined ? NONE : (costText(tokens.cost) ?? NONE)

const COST_COLUMNS: readonly Column[] = [
  { head: 'COST', cell: costCell },
  { head: 'TOKENS', cell: tokensCell },
]

/** The first columns are the most important: a narrow terminal drops the last ones. */
const COLUMNS: readonly [Column, Column, ...Column[]] = [
  { head: 'PEER', cell: (peer) => `${peerGlyph(peer)} ${nameCell(peer)}` },
  { head: 'STATE', cell: ({ shown }) => paintedState(shown) },
  {
    head: 'SINCE',
    cell: ({ since }, options) => (since === undefined ? NONE : ageText(since, options)),
  },
  { head: 'TURN', cell: turnCell },
  { head: 'MAIL', cell: mailCell },
  { head: 'RESTARTS', cell: ({ restarts }) => (restarts === undefined ? NONE : String(restarts)) },
  { head: 'LAST DEATH', cell: deathCell },
  { head: 'DIRECTORY', cell: ({ cwd }) => homeShort(plain(cwd)) },
]

/** The columns in the order in which a narrow terminal drops them; before TURN is dropped, it is shortened. */
const DROPPED = ['DIRECTORY', 'RESTARTS', 'SINCE', 'LAST DEATH', 'MAIL', 'TOKENS', 'TURN', 'COST'] as const

/** The narrow form of the last resort: the word of the state alone. */
const SHORT_STATE: Column = { head: 'STATE', cell: ({ shown }) => paintedState(shown, shown.word) }

/** Returns the sets of columns to try, from all of them to the narrowest. Turns and messages have a column if any peer has some. */
function layouts(
  peers: readonly ListedPeer[],
  { cost = false }: TableOptions,
): readonly (readonly Column[])[] {
  const hasMail = peers.some(({ mail }) => mail !== undefined && mailText(mail) !== '')
  const hasTurns = peers.some(({ turn }) => turn !== undefined)
  const [name, state, ...rest] = COLUMNS.filter(
    ({ head }) => (hasMail || head !== 'MAIL') && (hasTurns || head !== 'TURN'),
  )
  const first = [name, state].filter((column) => column !== undefined)
  const all: (readonly Column[])[] = [[...first, ...(cost ? COST_COLUMNS : []), ...rest]]
  for (const dropped of DROPPED) {
    const last = all.at(-1) ?? []
    if (dropped === 'TURN') all.push(last.map((column) => (column.head === 'TURN' ? SHORT_TURN : column)))
    all.push(last.filter(({ head }) => head !== dropped))
  }
  return [...all, [COLUMNS[0], SHORT_STATE]]
}

/** What is printed where there are no peers. */
export const NO_PEERS =
  'no peers yet\n  iapeer create NAME       create a peer\n  iapeer init [DIRECTORY]  make a directory the home of a peer'

/** Whether a running agent waits for a person, or cannot answer. */
const needsLook = ({ shown, turn }: ListedPeer): boolean =>
  shown.word === 'running' && (turn?.state === 'blocked' || turn?.state === 'mute')

/** Sorts peers by how urgent their states are, then by name. */
const byTrouble = (peers: readonly ListedPeer[]): ListedPeer[] =>
  [...peers].sort(
    (one, other) =>
      compareShown(one.shown, other.shown) ||
      Number(needsLook(other)) - Number(needsLook(one)) ||
      (one.personality < other.personality ? -1 : Number(one.personality > other.personality)),
  )

/** The rows of the table of peers. */
export interface PeerRows {
  readonly head: string
  /** Trouble first. */
  readonly rows: readonly { readonly peer: ListedPeer; readonly line: string }[]
}

/** Returns the rows of a table of peers. Where it is too wide, whole columns are dropped and no cell is cut. */
export function peerRows(peers: readonly ListedPeer[], options: TableOptions = {}): PeerRows {
  const { columns: room = Number.POSITIVE_INFINITY } = options
  const sorted = byTrouble(peers)
  let lines: string[] = []
  for (const columns of layouts(peers, options)) {
    const head = columns.map((column) => paint('dim', column.head))
    const text = table([head, ...sorted.map((peer) => columns.map(({ cell }) => cell(peer, options)))])
    lines = text.split('\n')
    if (lines.every((line) => widthOf(line) <= room)) break
  }
  const [head = '', ...rest] = lines
  return { head, rows: sorted.map((peer, at) => ({ peer, line: rest[at] ?? '' })) }
}

/** Formats peers as a table: {@link peerRows}. */
export function peerTable(peers: readonly ListedPeer[], options: TableOptions = {}): string {
  if (peers.length === 0) return NO_PEERS
  const { head, rows } = peerRows(peers, options)
  return [head, ...rows.map(({ line }) => line)].join('\n')
}
