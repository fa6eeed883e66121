import type { AgentReport, PressStep, ScreenReading } from '../../runtimes/index.ts'

/**
 * The next step for a program that boots. `ready`: the program accepts a message. `press`: a known dialog is on the screen, and
 * this is the next key of its answer. `person`: only a person can answer the dialog. `wait`: none of these; `dialog` is the name
 * of the dialog, if it has one.
 */
export type BootStep =
  | { readonly kind: 'ready' }
  | PressStep
  | { readonly kind: 'person'; readonly dialog: string; readonly hint: string }
  | { readonly kind: 'wait'; readonly dialog?: string | undefined }

/**
 * Decides the next step by the program's own report, or by its screen without a report. Dialogs are answered only before the
 * first report: Claude Code reports once its boot dialogs are over, so text that looks like one of them after that is output
 * or a question of the agent. Pure.
 */
export function bootStep({ step }: ScreenReading, report: AgentReport | undefined): BootStep {
  if (step.kind === 'person') return step
  if (report === undefined) {
    if (step.kind === 'input') return { kind: 'ready' }
    return step.kind === 'press' ? step : { kind: 'wait', dialog: step.dialog }
  }
  return report.status === 'waiting' ? { kind: 'wait', dialog: report.waitingFor } : { kind: 'ready' }
}
