import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { EngineError, readModel, version } from 'moganet';
import { facade } from 'moganet/facade';
import { build } from 'vite';
import { dataUrlBytes } from '../../src/platform/data_url.ts';
import { compileWasm, loadJpegWasm } from '../../src/platform/jpeg_wasm.ts';
import { shippedWeights } from '../../src/platform/node/files.ts';

describe('what the modules carry', () => {
  const require = createRequire(import.meta.url);

  it('is the version of package.json', () => {
    expect(version).to.equal(require('moganet/package.json').version);
  });

  it('is the JPEG decoder of the installed @jsquash/jpeg', async () => {
    const { compile } = WebAssembly;
    let given: Uint8Array | undefined;
    WebAssembly.compile = async (bytes) => {
      given = new Uint8Array(bytes as Uint8Array);
      return compile(bytes);
    };
    try {
      expect(await loadJpegWasm()).to.be.instanceOf(WebAssembly.Module);
    } finally {
      WebAssembly.compile = compile;
    }
    const file = readFileSync(require.resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'));
    expect(Buffer.compare(file, given!), 'run scripts/bake_wasm.ts').to.equal(0);
  });

  it('names the weights that are shipped if others are asked for', () => {
    expect(shippedWeights('facade.safetensors')).to.match(/samples.weights.facade\.safetensors$/);
    expect(() => shippedWeights('facade')).to.throw(/unknown file of shipped weights "facade".*facade\.safetensors/);
  });
});

describe('moganet/facade', () => {
  it('is the shipped model with the URL of its weights, which loads', async () => {
    expect(fileURLToPath(facade.weights)).to.equal(shippedWeights('facade.safetensors'));
    const { definition } = await readModel(facade);
    expect(definition.config.name).to.equal('facade');
  });

  it('lets Vite copy the weights, and nothing does without it', async () => {
    const filesOf = async (code: string) => {
      const entry = 'virtual:entry';
      const result = await build({
        root: fileURLToPath(new URL('../..', import.meta.url)),
        configFile: false,
        logLevel: 'silent',
        publicDir: false,
        plugins: [
          {
            name: 'entry',
            resolveId: (id) => (id === entry ? `\0${id}` : null),
            load: (id) => (id === `\0${entry}` ? code : null),
          },
        ],
        build: { write: false, rollupOptions: { input: entry } },
      });
      return [result].flat().flatMap((one) => ('output' in one ? one.output.map(({ fileName }) => fileName) : []));
    };
    const module = JSON.stringify(fileURLToPath(new URL('../../samples/weights/facade.js', import.meta.url)));
    const weights = (files: readonly string[]) => files.filter((name) => /facade-.*\.safetensors$/.test(name));
    expect(weights(await filesOf(`import { facade } from ${module}; console.log(facade);`))).to.have.length(1);
    const library = JSON.stringify(fileURLToPath(new URL('../../src/index.ts', import.meta.url)));
    expect(weights(await filesOf(`import { loadModel } from ${library}; console.log(loadModel);`))).to.have.length(0);
  }).timeout(60000);
});

describe('WebAssembly that does not compile', () => {
  it('is an EngineError with the cause', async () => {
    const error = await compileWasm(Uint8Array.of(1, 2, 3), 'the decoder').catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(EngineError);
    expect((error as Error).message).to.match(/^the decoder cannot be compiled: WebAssembly/);
    expect((error as Error).cause).to.be.instanceOf(Error);
  });
});

describe('a data: URL', () => {
  const text = (url: string) => new TextDecoder().decode(dataUrlBytes(url));

  it('gives the bytes of base64 and of percent escapes', () => {
    expect(text('data:text/plain;base64,aGVsbG8=')).to.equal('hello');
    expect(text('data:text/plain;charset=utf-8;BASE64,aGVs%62G8%3D')).to.equal('hello');
    expect(text('data:,a%20b')).to.equal('a b');
    expect([...dataUrlBytes('data:application/octet-stream,%00%FF')]).to.deep.equal([0, 255]);
  });

  it('throws for invalid base64', () => {
    expect(() => dataUrlBytes('data:image/png;base64,@@@')).to.throw();
  });
});
