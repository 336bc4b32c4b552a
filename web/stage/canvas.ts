/** Returns the 2D context of a canvas. */
export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D;
export function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D;
export function contextOf(canvas: HTMLCanvasElement | OffscreenCanvas): Context {
  const context = canvas.getContext('2d') as Context | null;
  if (!context)
    throw new Error('This browser gives no 2D canvas: too many are open, or memory is short. Reload the page.');
  return context;
}

export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;
