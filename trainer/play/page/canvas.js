// Drawing on canvases.

/** The pen of a canvas in plain memory: without a graphics card this draws twice as many pictures, and with one as many. */
export function penOf(canvas) {
  return canvas.getContext("2d", { willReadFrequently: true });
}

/** Paint values on a grid, bottom row first, in the colours of a scale. shade(i): a packed colour. */
export function paint(context, image, shape, shade) {
  const pixels = new Uint32Array(image.data.buffer);
  const [height, width] = shape;
  for (let row = 0; row < height; row++) {
    const to = (height - 1 - row) * width;
    for (let i = 0; i < width; i++) pixels[to + i] = shade(row * width + i);
  }
  context.putImageData(image, 0, 0);
}
