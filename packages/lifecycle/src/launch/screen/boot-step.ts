import type { AgentReport, PressStep, ScreenReading } from '../../runtimes/index.ts'

/**
 * What is next for a program that boots. `ready`: it takes a message. `press`: a known dialog stands there, and this key is
 * the next towards its answer. `person`: only a person can answer what stands there. `wait`: none of these, `dialog` is its
 * name where there is one.
 */
export type BootStep =
  | { readonly kind: 'ready' }
  | PressStep
  | { readonly kind: 'person'; readonly dialog: string; readonly hint: string }
  | { readonly kind: 'wait'; readonly dialog?: string | undefined }

/**
 * Decides what is next, by what a program reports of itself, and by its screen where it reports nothing. Dialogs are answered
 * only while it reports nothing: Claude Code reports once its boot dialogs are behind it, so what looks like one of them then
 * is text, or a question of the agent. Pure.
 */
export function bootStep({ step }: ScreenReading, report: AgentReport | undefined): BootStep {
  if (step.kind === 'person') return step
  if (report === undefined) {
    if (step.kind === 'input') return { kind: 'ready' }
    return step.kind === 'press' ? step : { kind: 'wait', dialog: step.dialog }
  }
  return report.status === 'waiting' ? { kind: 'wait', dialog: report.waitingFor } : { kind: 'ready' }
}
