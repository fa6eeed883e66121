import type { AgentReport } from '../runtimes/agent-report.ts'
import type { PressStep, ScreenReading } from '../runtimes/screen/screen-reader.ts'

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
 * Says what is next, by what a program says of itself, and by its screen where it says nothing. Dialogs are answered only
 * while it says nothing: Claude Code begins to speak when its boot dialogs are behind it, so that what looks like one then
 * is text, or a question that is none of ours. Pure.
 */
export function bootStep({ step }: ScreenReading, report: AgentReport | undefined): BootStep {
  if (step.kind === 'person') return step
  if (report === undefined) {
    if (step.kind === 'input') return { kind: 'ready' }
    return step.kind === 'press' ? step : { kind: 'wait', dialog: step.dialog }
  }
  return report.status === 'waiting' ? { kind: 'wait', dialog: report.waitingFor } : { kind: 'ready' }
}
