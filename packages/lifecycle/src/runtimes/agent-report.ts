/** What a program says of its own state, without a screen. */
export interface AgentReport {
  /** `waiting`: a dialog, a question or a permission prompt stands there, and a person is to answer it. */
  readonly status: 'idle' | 'busy' | 'waiting'
  /** What it waits for, in its own words. */
  readonly waitingFor?: string | undefined
}
