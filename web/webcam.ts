import type { Session } from './session.ts';
import type { Store } from './state.ts';

/** The webcam: hands each frame that the screen shows to the session, which leaves out those that come too fast. */

export interface Webcam {
  /** @throws Error saying why there is no picture */
  start(): Promise<void>;
  stop(): void;
}

/** Returns the webcam behind a store. */
export function createWebcam(store: Store, session: Session): Webcam {
  let stream: MediaStream | undefined;
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;

  const stop = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = undefined;
    video.srcObject = null;
    store.set({ live: false });
  };

  const next = () => {
    if (!stream) return;
    video.requestVideoFrameCallback(async () => {
      next();
      try {
        await session.frame(await createImageBitmap(video));
      } catch (error) {
        stop();
        store.set({ notice: { kind: 'error', text: `webcam: ${error instanceof Error ? error.message : error}` } });
      }
    });
  };

  return {
    async start() {
      const devices: MediaDevices | undefined = navigator.mediaDevices; // absent without https
      if (!devices) throw new Error('A webcam needs a page that is served with https or from this machine.');
      try {
        stream = await devices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 960 } } });
      } catch (cause) {
        throw new Error(
          `The webcam gives no picture (${cause instanceof Error ? cause.message : cause}). Allow it for this page.`,
          { cause },
        );
      }
      video.srcObject = stream;
      await video.play();
      store.set({ live: true, notice: undefined });
      next();
    },
    stop,
  };
}
