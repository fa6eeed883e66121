/** Reports an event that could not be written to lifecycle.log; the command goes on. */
export const onLogFailure = (error: unknown): void => {
  process.stderr.write(
    `iapeer: cannot write this to lifecycle.log: ${error instanceof Error ? error.message : error}\n`,
  )
}
