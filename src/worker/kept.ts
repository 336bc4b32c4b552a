import { EngineError } from '../errors.ts';
import type { LoadedBackbone } from '../library/loaded_backbone.ts';
import type { Model } from '../library/model.ts';
import type { DeviceTensor } from '../nn/index.ts';

/** A model or a backbone, and the last of its answers: they leave in the order of the calls. */
export interface Owner {
  readonly owned: Model | LoadedBackbone;
  answered: Promise<unknown>;
}

/** Models, backbones and tensors of the thread, which the page knows by number. */
export class Kept {
  private readonly owners = new Map<number, Owner>();
  private readonly tensors = new Map<number, DeviceTensor>();
  private last = 0;

  keep(owned: Owner['owned']): number {
    this.owners.set(++this.last, { owned, answered: Promise.resolve() });
    return this.last;
  }

  owner(number: number): Owner | undefined {
    return this.owners.get(number);
  }

  model(number: number): Model {
    return this.owners.get(number)?.owned as Model; // the page has its number from `load`
  }

  backbone(number: number): LoadedBackbone {
    return this.owners.get(number)?.owned as LoadedBackbone;
  }

  async dispose(number: number): Promise<void> {
    const { owned } = this.owners.get(number) ?? {};
    this.owners.delete(number);
    await owned?.dispose();
  }

  keepTensor(tensor: DeviceTensor): number {
    this.tensors.set(++this.last, tensor);
    return this.last;
  }

  tensor(number: number): DeviceTensor {
    const tensor = this.tensors.get(number);
    if (!tensor) throw new EngineError('this tensor was disposed; run the backbone again.');
    return tensor;
  }

  free(number: number): void {
    this.tensors.get(number)?.dispose();
    this.tensors.delete(number);
  }
}
