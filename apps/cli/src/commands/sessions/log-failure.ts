/** A log that cannot be written ends nothing. */
export const onLogFailure = (error: unknown): void => {
  process.stderr.write(
    `iapeer: this is not in lifecycle.log: ${error instanceof Error ? error.message : error}\n`,
  )
}
