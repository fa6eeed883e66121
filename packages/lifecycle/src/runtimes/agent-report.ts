/** The state of a program as the program itself reports it, independent of its screen. */
export interface AgentReport {
  /** `waiting`: a dialog, a question or a permission prompt waits for a person. */
  readonly status: 'idle' | 'busy' | 'waiting'
  /** What the program waits for, in its own words. */
  readonly waitingFor?: string | undefined
  /** Whether no turn runs, but a shell does that the program has started in the background. */
  readonly hasShell?: boolean | undefined
}
