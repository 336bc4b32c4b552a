/** Classes that only some runtimes have, by name: code that runs everywhere compiles without the names of the DOM. */

/**
 * The instances of a global class, such as `GlobalInstance<'HTMLImageElement'>`. `never` if the caller's program has no such class, so
 * that declarations compile with and without the types of the DOM.
 */
export type GlobalInstance<Name extends string> =
  typeof globalThis extends Record<Name, { prototype: infer T }> ? T : never;

/** A picture in the memory of the browser, which is freed by `close`. */
export interface Bitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}

/** The part of a 2D context that is used. */
export interface Context2D {
  clearRect(x: number, y: number, width: number, height: number): void;
  drawImage(image: unknown, x: number, y: number): void;
  putImageData(image: unknown, x: number, y: number): void;
  getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray<ArrayBuffer> };
}

/** The part of an `OffscreenCanvas` that is used. */
export interface Offscreen {
  getContext(kind: '2d', options?: { readonly willReadFrequently?: boolean }): Context2D | null;
  convertToBlob(options: { readonly type: string; readonly quality?: number | undefined }): Promise<Blob>;
}

/** Answers that a page keeps under their URLs: the part of `Cache` that is used. */
export interface AnswerCache {
  match(url: string): Promise<Response | undefined>;
  put(url: string, answer: Response): Promise<void>;
  delete(url: string): Promise<boolean>;
}

/** The event of a request that the policy of the page forbids. */
export interface PolicyEvent {
  readonly blockedURI: string;
  readonly effectiveDirective: string;
}

/** The part of a page or worker that this package uses. Each is undefined where the runtime has none. */
export interface PageGlobals {
  readonly OffscreenCanvas?: new (width: number, height: number) => Offscreen;
  readonly ImageData?: new (data: Uint8ClampedArray<ArrayBuffer>, width: number, height: number) => object;
  readonly createImageBitmap?: (source: unknown, options?: Readonly<Record<string, string>>) => Promise<Bitmap>;
  readonly location?: { readonly href: string };
  readonly navigator?: {
    readonly onLine?: boolean;
    readonly storage?: { estimate?(): Promise<{ readonly quota?: number; readonly usage?: number }> };
  };
  readonly caches?: { open(name: string): Promise<AnswerCache> };
  addEventListener?(type: 'securitypolicyviolation', listener: (event: PolicyEvent) => void): void;
  removeEventListener?(type: 'securitypolicyviolation', listener: (event: PolicyEvent) => void): void;
}

/** Returns the global classes of a page, as they are now. */
export const pageGlobals = (): PageGlobals => globalThis as PageGlobals;
