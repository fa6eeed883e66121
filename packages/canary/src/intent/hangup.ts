/**
 * A program that tears down the tmux server it runs in gets SIGHUP with its pane, before it can say that it is done.
 * While an intent of this process is pending, a hangup waits; then it has its usual effect, unless the program has a
 * listener of its own.
 */
class HeldHangups {
  private held = 0
  private arrived = false
  private readonly note = (): void => {
    this.arrived = true
  }

  hold(): void {
    if (this.held++ === 0) process.on('SIGHUP', this.note)
  }

  release(): void {
    if (this.held === 0 || --this.held > 0) return
    process.off('SIGHUP', this.note)
    const again = this.arrived && process.listenerCount('SIGHUP') === 0
    this.arrived = false
    if (again) setImmediate(() => process.kill(process.pid, 'SIGHUP'))
  }
}

export const holdHangups = new HeldHangups()
