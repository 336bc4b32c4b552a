/** The operators of an ONNX file, read by a few lines: the generated reader of the package would copy its weights. */

/**
 * Returns the operators that run if no condition holds: those of the graph, and of the other branch of an `If`. Of this package's files that
 * is a small input. Constants are values, not nodes.
 */
export const onnxOperators = (file: Uint8Array): string[] => fieldsOf(file, 7).flatMap(operatorsOf);

function operatorsOf(graph: Uint8Array): string[] {
  return fieldsOf(graph, 1).flatMap((node) => {
    const [operator] = textsOf(node, 4);
    const otherwise = fieldsOf(node, 5).filter((attribute) => textsOf(attribute, 1).includes('else_branch'));
    const inside = otherwise.flatMap((attribute) => fieldsOf(attribute, 6)).flatMap(operatorsOf);
    return operator === undefined || operator === 'Constant' ? inside : [operator, ...inside];
  });
}

const textsOf = (message: Uint8Array, wanted: number): string[] =>
  fieldsOf(message, wanted).map((bytes) => new TextDecoder().decode(bytes));

/** Returns the contents of a length-delimited field of a Protocol Buffers message, as often as it is there. */
function fieldsOf(message: Uint8Array, wanted: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  const varint = (): number => {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError('the message ends inside a number');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const [field, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      if (field === wanted) found.push(message.subarray(at, at + length));
      at += length;
    } else throw new RangeError(`wire type ${wire} is not of ONNX`);
  }
  return found;
}
