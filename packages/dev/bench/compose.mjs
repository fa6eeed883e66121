// Runs measurements one after another and writes the report of the run, with its plots.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startProgress } from '../scripts/progress.mjs'
import { reportPage } from './markdown.mjs'
import { runScript } from './run-script.mjs'
import { barPlot, linePlot } from './svg.mjs'

const IMAGES = join('images', 'benchmarks')

async function isInstalled(program) {
  try {
    await promisify(execFile)(program, ['-V'], { timeout: 10_000 })
  } catch (error) {
    if (error.code === 'ENOENT') return false
  }
  return true
}

/** Returns why a measurement cannot run here; undefined if it can. */
async function obstacleTo({ needsFlag, needsLinux, needs = ['tmux'] }, flags) {
  if (needsFlag !== undefined && !flags.includes(needsFlag))
    return `${needsFlag} are downloaded and measured only with \`--${needsFlag}\``
  if (needsLinux && process.platform !== 'linux') return 'it reads /proc, which only Linux has'
  for (const program of needs) if (!(await isInstalled(program))) return `${program} is not installed`
  return undefined
}

async function measureOne(measurement, { flags, isQuick, scratch, cwd, progress, signal }) {
  const why = await obstacleTo(measurement, flags)
  if (why !== undefined) return { kind: 'skipped', why }
  const { name, script, args, quickArgs, limitSecs } = measurement
  const step = startProgress(`measuring ${name}`, progress)
  const outcome = await runScript({
    path: join(cwd, script),
    args: isQuick ? quickArgs : args,
    limitSecs,
    scratch,
    cwd,
    signal,
    onLine: (line) => step.count(line.replace(/\s+/g, ' ')),
  })
  step.stop(outcome.kind === 'failed' ? `${name} failed: ${outcome.why}` : `${name} is measured`)
  return outcome
}

/** Draws a plot of a measurement. @returns undefined if what it shows was not measured */
function draw(plot, { series, figures }) {
  const { kind, title, x, y, hasMarks } = plot
  if (kind === 'bars') {
    const own = figures.filter(({ id, value }) => id.startsWith(plot.bars) && value !== undefined)
    const others = own.map(({ beside }) => [beside.what, beside.value])
    return own.length === 0 ? undefined : barPlot({ title, bars: [['iapeer', own[0].value], ...others] })
  }
  const shown = plot.series.flatMap((id) => series.filter((one) => one.id === id && one.points.length > 1))
  return shown.length === 0 ? undefined : linePlot({ title, x, y, hasMarks, series: shown })
}

/** Returns a section of the report, and the texts of its plots by file. */
function sectionOf(measurement, outcome, pictures) {
  const plots = []
  for (const plot of outcome.kind === 'measured' ? (measurement.plots ?? []) : []) {
    const svg = draw(plot, outcome)
    if (svg === undefined) continue
    pictures.set(plot.file, svg)
    plots.push({ title: plot.title, path: `${IMAGES}/${plot.file}` })
  }
  return { measurement, outcome, plots }
}

/** Replaces a report: the plots as a whole directory, then the page. Neither is ever half written. */
function replaceReport(directory, page, pictures) {
  const images = join(directory, IMAGES)
  const [made, former] = [`${images}.new`, `${images}.old`]
  for (const path of [made, former]) rmSync(path, { recursive: true, force: true })
  mkdirSync(made, { recursive: true })
  for (const [file, svg] of pictures) writeFileSync(join(made, file), svg)
  const path = join(directory, 'benchmarks.md')
  writeFileSync(`${path}.new`, page)
  try {
    renameSync(images, former)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  renameSync(made, images)
  renameSync(`${path}.new`, path)
  rmSync(former, { recursive: true, force: true })
  return path
}

/**
 * Measures and writes the report.
 * @param out the directory whose report is replaced, if nothing failed
 * @param failedOut the directory that gets the report otherwise
 * @param signal aborts the run; then nothing is written
 * @returns the path of the written page, undefined if the run was aborted, and the names of the measurements that failed
 */
export async function runBenchmarks({ measurements, machine, out, failedOut, command, cwd, ...options }) {
  const { isQuick = false, flags = [], signal, progress } = options
  const [startedAt, from] = [new Date(), performance.now()]
  const scratch = mkdtempSync(join(tmpdir(), 'iapb-'))
  const pictures = new Map()
  const sections = []
  try {
    for (const measurement of measurements) {
      const outcome = await measureOne(measurement, { flags, isQuick, scratch, cwd, progress, signal })
      if (signal?.aborted) return { path: undefined, failed: [] }
      sections.push(sectionOf(measurement, outcome, pictures))
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  const minutes = (performance.now() - from) / 60_000
  const page = reportPage({ sections, machine, startedAt, minutes, command, isQuick })
  const failed = sections
    .filter(({ outcome }) => outcome.kind === 'failed')
    .map(({ measurement }) => measurement.name)
  return { path: replaceReport(failed.length === 0 ? out : failedOut, page, pictures), failed }
}
