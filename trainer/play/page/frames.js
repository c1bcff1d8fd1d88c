// Reads the bytes of a frame, as trainer/play/frames.py writes them.

const HEAD = 40;

/** data: an ArrayBuffer. described: the server's description of the network. */
export function readFrame(data, described) {
  const head = new DataView(data, 0, HEAD);
  const number = (i) => head.getFloat64(8 * i, true);
  const { sizes, bias, shape } = described;
  const layers = [];
  let at = HEAD;
  const floats = (count) => {
    const values = new Float32Array(data, at, count);
    at += 4 * count;
    return values;
  };
  for (let i = 1; i < sizes.length; i++) {
    layers.push({ weights: floats(sizes[i - 1] * sizes[i]), biases: bias ? floats(sizes[i]) : null });
  }
  const points = shape[0] * shape[1];
  const outputs = Array.from({ length: sizes.at(-1) }, () => floats(points));
  const hidden = sizes.slice(1, -1).map((units) =>
    Array.from({ length: units }, () => {
      const values = new Int8Array(data, at, points);
      at += points;
      return values;
    }),
  );
  return {
    epoch: number(0), loss: number(1), heldOut: number(2), accuracy: number(3), speed: number(4), layers, outputs, hidden,
  };
}
