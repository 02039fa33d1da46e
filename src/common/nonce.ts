/** 128 bits, hex. @param random from 0 up to 1 */
export function nonceOf(random: () => number): string {
  const word = () => Math.floor(random() * 2 ** 32)
  return [word(), word(), word(), word()].map((bits) => bits.toString(16).padStart(8, '0')).join('')
}
