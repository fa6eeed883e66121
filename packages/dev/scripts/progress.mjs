// Shows that a long step is running, on standard error: one moving line on a terminal; elsewhere a line at the start and then
// one every ten seconds.

const FRAME_MS = 120
const PLAIN_MS = 10_000
const FRAMES = ['|', '/', '-', '\\']
const DEFAULT_COLUMNS = 80

/** Whether a line can be rewritten: a terminal that understands cursor movement. */
const canMove = (out, env) => out.isTTY === true && !['', 'dumb'].includes(env.TERM ?? '')

/**
 * Starts to show a step.
 * @param step what is being done, for example "building"
 * @returns `count` sets what is shown behind it, for example "3 of 10 packages"; `stop` ends it, with a last line about the time it took
 */
export function startProgress(step, { out = process.stderr, env = process.env } = {}) {
  const started = performance.now()
  const elapsed = () => `${Math.floor((performance.now() - started) / 1000)} s`
  const moves = canMove(out, env)
  let counts = ''
  let frame = 0
  const line = () => `${step}${counts === '' ? '' : `: ${counts}`}, ${elapsed()}`
  const draw = () => {
    const width = (out.columns || DEFAULT_COLUMNS) - 1
    out.write(`\r\u001b[K${`${FRAMES[frame++ % FRAMES.length]} ${line()}`.slice(0, width)}`)
  }
  if (moves) draw()
  else out.write(`${step} ...\n`)
  const timer = setInterval(moves ? draw : () => out.write(`${line()}\n`), moves ? FRAME_MS : PLAIN_MS)
  timer.unref()
  return {
    count(text) {
      counts = text
    },
    stop(done) {
      clearInterval(timer)
      if (moves) out.write(`\r\u001b[K${done === undefined ? '' : `${done} (${elapsed()})\n`}`)
    },
  }
}

function parsed(text) {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return undefined
  }
}

/** Returns how many packages a pnpm-lock.yaml has. */
export function lockedPackages(lockfile) {
  const [, packages = ''] = /^packages:\n([\s\S]*?)^\S/m.exec(lockfile) ?? []
  return packages.match(/^ {2}\S.*:$/gm)?.length ?? 0
}

/**
 * Reads the lines of `pnpm install --reporter=ndjson`. Packages of other systems, which the lockfile has too, are reported first.
 * @param total how many packages the lockfile has
 * @returns `read` takes a line and returns what to show, if that changes; `failure` returns what the lines say about a failure
 */
export function installOutput(total) {
  const others = []
  let [skipped, fetched, installed] = [0, 0, 0]
  return {
    read(text) {
      const event = parsed(text)
      if (event === undefined || event.level === 'error' || event.level === 'warn') {
        const { err, message } = event ?? {}
        others.push(event === undefined ? text : (err?.message ?? message ?? text))
        return undefined
      }
      if (event.name === 'pnpm:skipped-optional-dependency') skipped++
      if (event.name !== 'pnpm:progress') return undefined
      if (event.status === 'fetched' || event.status === 'found_in_store') fetched++
      if (event.status === 'imported') installed++
      const needed = total - skipped
      return `${fetched} of ${needed} packages fetched, ${installed} installed`
    },
    failure: () => others.join('\n'),
  }
}

/** Reads the lines of `turbo run build --output-logs=full`, as {@link installOutput} does. @param total how many packages are built */
export function buildOutput(total) {
  const lines = []
  let begun = 0
  return {
    read(text) {
      lines.push(text)
      const [, name] = /^(\S+):build: cache (?:hit|miss)/.exec(text) ?? []
      return name === undefined ? undefined : `package ${++begun} of ${total}, ${name}`
    },
    failure() {
      const [, names = ''] = /^\s*Failed:\s+(.*)$/m.exec(lines.join('\n')) ?? []
      const failed = names.split(',').map((name) => `${name.trim().replace('#', ':')}:`)
      const own = lines.filter((line) => failed.some((prefix) => line.startsWith(prefix)))
      return (own.length > 0 ? own : lines).join('\n')
    },
  }
}
