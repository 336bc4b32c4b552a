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

  /** How often it was started or stopped: what waits goes on only if nothing came between. */
  let turn = 0;
  let callback = 0;

  const stop = () => {
    turn++;
    end(stream);
    stream = undefined;
    if (callback !== 0) video.cancelVideoFrameCallback(callback);
    video.srcObject = null;
    store.set({ live: false });
  };

  const next = () => {
    const mine = turn;
    callback = video.requestVideoFrameCallback(async () => {
      next();
      try {
        const bitmap = await createImageBitmap(video);
        if (turn === mine) await session.frame(bitmap);
        else bitmap.close();
      } catch (error) {
        if (turn !== mine) return; // it has no frames any more
        stop();
        store.set({ notice: { kind: 'error', text: `webcam: ${error instanceof Error ? error.message : error}` } });
      }
    });
  };

  return {
    async start() {
      const devices: MediaDevices | undefined = navigator.mediaDevices; // absent without https
      if (!devices) throw new Error('A webcam needs a page that is served with https or from this machine.');
      stop();
      const mine = turn;
      let given: MediaStream;
      try {
        given = await devices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 960 } } });
      } catch (cause) {
        throw new Error(
          `The webcam gives no picture (${cause instanceof Error ? cause.message : cause}). Allow it for this page.`,
          { cause },
        );
      }
      if (turn !== mine) {
        end(given); // it was stopped while the browser asked
        return;
      }
      stream = given;
      video.srcObject = stream;
      try {
        await video.play();
      } catch (error) {
        if (turn !== mine) return;
        stop();
        throw error;
      }
      store.set({ live: true, notice: undefined, boxes: [] });
      next();
    },
    stop,
  };
}

/** Lets the camera go. */
function end(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
