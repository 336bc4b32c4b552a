import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-webgl';
import { expect } from 'chai';
import { describeWebGl, weaknessOf } from '../../src/engines/tfjs/webgl.ts';

/** What is said of a graphics processor. Node has none: these stand for the backend of a page. */
function backendOn(renderer: string): tf.KernelBackend {
  const gl = { RENDERER: 1, getExtension: () => ({ UNMASKED_RENDERER_WEBGL: 2 }), getParameter: () => renderer };
  return { gpgpu: { gl } } as unknown as tf.KernelBackend;
}

const geforce = 'ANGLE (NVIDIA, NVIDIA GeForce RTX 3060 Direct3D11 vs_5_0 ps_5_0, D3D11)';

describe('a device of WebGL', () => {
  const flag = 'WEBGL_RENDER_FLOAT32_ENABLED';
  before(() => tf.env().set(flag, true));
  after(() => tf.env().set(flag, true));

  it('is a good one if it has float32', () => {
    expect(describeWebGl(backendOn(geforce))).to.equal(geforce);
    expect(weaknessOf(backendOn(geforce))).to.equal(undefined);
  });

  it('is weak if the processor computes it', () => {
    for (const renderer of [
      'ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero) (0x0000C0DE)), SwiftShader driver)',
      'Google SwiftShader',
      'llvmpipe (LLVM 15.0.7, 256 bits)',
      'ANGLE (Microsoft, Microsoft Basic Render Driver Direct3D11 vs_5_0 ps_5_0)',
      'Apple Software Renderer',
    ]) {
      expect(weaknessOf(backendOn(renderer)), renderer).to.match(/^WebGL is computed in software here \(.+\)$/);
    }
  });

  it('is weak if it computes in half precision, and says so', () => {
    tf.env().set(flag, false);
    const text = 'half precision (WEBGL_RENDER_FLOAT32 not available)';
    expect(describeWebGl(backendOn(geforce))).to.equal(`${geforce}, ${text}`);
    expect(weaknessOf(backendOn(geforce))).to.match(/half precision here \(WEBGL_RENDER_FLOAT32 not available\)/);
  });
});
