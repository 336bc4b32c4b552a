/** Huffman codes as deflate has them (RFC 1951): symbols to lengths, lengths to bits. */

/**
 * Returns the length of each symbol's code, 0 for a symbol that does not occur. The codes are the shortest for these counts, except
 * where some would be longer than `longest`: then all fit, and the data takes a little more.
 *
 * @param counts of at least two symbols above 0, and of no more than 2 ** longest
 */
export function codeLengths(counts: ArrayLike<number>, longest: number): Uint8Array {
  const lengths = new Uint8Array(counts.length);
  const symbols = rarestFirst(counts);
  const ofDepth = limited(depthsOf(Array.from(symbols, (symbol) => counts[symbol]!)), longest);
  for (let depth = longest, i = 0; depth > 0; depth--) {
    for (let left = ofDepth[depth]!; left > 0; left--) lengths[symbols[i++]!] = depth;
  }
  return lengths;
}

/** The symbols that occur; of equal counts the lower first. */
function rarestFirst(counts: ArrayLike<number>): number[] {
  const { length } = counts;
  const keys: number[] = [];
  for (let symbol = 0; symbol < length; symbol++) {
    if (counts[symbol]! > 0) keys.push(counts[symbol]! * length + symbol);
  }
  return Array.from(Float64Array.from(keys).sort(), (key) => key % length);
}

/** Returns how many leaves of Huffman's tree lie at each depth. @param counts ascending */
function depthsOf(counts: readonly number[]): number[] {
  const leaves = counts.length;
  // the nodes that join two are made in ascending order, so that the smallest two are always the first of one list or the other
  const sums = new Float64Array(leaves - 1);
  const parents = new Int32Array(2 * leaves - 1);
  for (let node = 0, leaf = 0, joined = 0; node < leaves - 1; node++) {
    for (let child = 0; child < 2; child++) {
      const takesLeaf = leaf < leaves && (joined >= node || counts[leaf]! <= sums[joined]!);
      sums[node]! += takesLeaf ? counts[leaf]! : sums[joined]!;
      parents[takesLeaf ? leaf++ : leaves + joined++] = leaves + node;
    }
  }
  const depths = new Int32Array(2 * leaves - 1);
  const ofDepth: number[] = [];
  for (let node = 2 * leaves - 3; node >= 0; node--) {
    const depth = depths[parents[node]!]! + 1;
    depths[node] = depth;
    if (node < leaves) ofDepth[depth] = (ofDepth[depth] ?? 0) + 1;
  }
  return Array.from(ofDepth, (leavesThere) => leavesThere ?? 0);
}

/** Moves leaves that are too deep up to `longest`, and others down until all have room. */
function limited(ofDepth: readonly number[], longest: number): number[] {
  const moved = Array.from({ length: longest + 1 }, (_, depth) => ofDepth[depth] ?? 0);
  moved[longest]! += ofDepth.slice(longest + 1).reduce((sum, leaves) => sum + leaves, 0);
  // in units of the deepest leaves; a tree has exactly 2 ** longest of them
  let taken = moved.reduce((sum, leaves, depth) => sum + leaves * 2 ** (longest - depth), 0);
  for (; taken > 2 ** longest; taken--) {
    // a leaf above becomes a node, under which it and one of the deepest go: that frees the place of the latter
    let depth = longest - 1;
    while (moved[depth] === 0) depth--;
    moved[depth]!--;
    moved[depth + 1]! += 2;
    moved[longest]!--;
  }
  return moved;
}

/** Returns the codes of given lengths as deflate numbers them: of equal length in the order of the symbols, the first bit lowest. */
export function codesOf(lengths: Uint8Array): Uint32Array {
  const ofLength = new Uint32Array(16);
  for (const length of lengths) if (length > 0) ofLength[length]!++;
  const next = new Uint32Array(16);
  for (let length = 1; length < 16; length++) next[length] = (next[length - 1]! + ofLength[length - 1]!) * 2;
  return Uint32Array.from(lengths, (length) => (length === 0 ? 0 : reversed(next[length]!++, length)));
}

function reversed(code: number, length: number): number {
  let result = 0;
  for (let bit = 0; bit < length; bit++) result |= ((code >> bit) & 1) << (length - 1 - bit);
  return result;
}
