/**
 * Delays SIGHUP while an intent of this process is pending. A program that stops the tmux server it runs in gets SIGHUP
 * with its pane, before it can complete its intent. Afterwards the hangup has its usual effect, unless the program has a
 * listener of its own.
 */
class HeldHangups {
  private holders = 0
  private arrived = false
  private readonly note = (): void => {
    this.arrived = true
  }

  hold(): void {
    if (this.holders++ === 0) process.on('SIGHUP', this.note)
  }

  release(): void {
    if (this.holders === 0 || --this.holders > 0) return
    process.off('SIGHUP', this.note)
    const again = this.arrived && process.listenerCount('SIGHUP') === 0
    this.arrived = false
    if (again) setImmediate(() => process.kill(process.pid, 'SIGHUP'))
  }
}

export const holdHangups = new HeldHangups()
