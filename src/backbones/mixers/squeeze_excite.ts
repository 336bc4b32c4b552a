import { conv2d, F, module, relu, type Scope, type Value } from '../../nn/index.ts';

/** s = σ(W₂ ReLU(W₁ GAP(X))) with C/16 channels between: a weight per channel and image, N×C×1×1 (SE-Net, arXiv 1709.01507). */
export const squeezeExcite = module((scope: Scope, x: Value, reduction = 16) => {
  const squeezed = Math.max(1, Math.floor(x.channels / reduction));
  const y = relu(scope.at('act'), conv2d(scope.at('fc1'), F.globalAvgPool(x), squeezed, { kernel: 1 }));
  return F.sigmoid(conv2d(scope.at('fc2'), y, x.channels, { kernel: 1 }));
});
