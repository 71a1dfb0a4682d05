/**
 * What is added to the device's clock to get the server's. An answer bounds it: the server looked at its clock
 * after we sent and before we heard. The server's own `clockOffsetMs` is the upper end of that interval, too
 * far ahead by the whole way up – on a slow line by more than the server tolerates.
 */
export function correctedOffset(
  offsetMs: number,
  sentAtMs: number,
  heardAtMs: number,
  serverMs: number,
): number {
  const [low, high] = [serverMs - heardAtMs, serverMs - sentAtMs]
  // A clock that was set while we waited says nothing.
  if (!(low <= high)) return offsetMs
  if (offsetMs >= low && offsetMs <= high) return offsetMs
  // The lower end: being behind costs nothing, being ahead gets items refused.
  return low
}
