/** The operators of an ONNX file, read by a few lines: the generated reader of the package would copy its weights. */

/** Returns the operator of every node of the main graph. Constants are values, not nodes. */
export function onnxOperators(file: Uint8Array): string[] {
  const operators: string[] = [];
  for (const graph of fieldsOf(file, 7)) {
    for (const node of fieldsOf(graph, 1)) {
      const [operator] = fieldsOf(node, 4);
      const name = operator ? new TextDecoder().decode(operator) : '';
      if (name !== 'Constant') operators.push(name);
    }
  }
  return operators;
}

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
