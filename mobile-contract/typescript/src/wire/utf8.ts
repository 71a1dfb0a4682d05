/** UTF-8 by hand: not every Hermes has a TextEncoder. */

/** How many bytes a text takes. */
export function utf8Bytes(text: string): number {
  let bytes = text.length
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    // Four bytes for the two halves of a pair, so one more for each.
    if (unit >= 0xd800 && unit <= 0xdfff) bytes += 1
    else if (unit >= 0x800) bytes += 2
    else if (unit >= 0x80) bytes += 1
  }
  return bytes
}

/** The bytes of a text that holds no half of a pair (`checkText` refuses those). */
export function utf8(text: string): Uint8Array {
  const bytes: number[] = []
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0
    const tail = (shift: number) => 0x80 | ((code >> shift) & 0x3f)
    if (code < 0x80) bytes.push(code)
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), tail(0))
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), tail(6), tail(0))
    else bytes.push(0xf0 | (code >> 18), tail(12), tail(6), tail(0))
  }
  return Uint8Array.from(bytes)
}
