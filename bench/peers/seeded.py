"""Weights and inputs by the formula of test/harness/seeded.ts, so that neither side needs a file of the other."""

import math

import numpy as np
import torch


def fnv1a32(text):
    h = 2166136261
    for byte in text.encode():
        h = ((h ^ byte) * 16777619) & 0xFFFFFFFF
    return h


def unit(name, count):
    """`count` numbers from 0 to 1, in double precision."""
    x = (np.uint32(fnv1a32(name)) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9)).astype(np.uint32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return (x ^ (x >> np.uint32(16))).astype(np.float64) / 4294967296


def centered(name, count):
    return 2 * unit(name, count) - 1


def seeded_input(name, shape, scale=1.5):
    return torch.from_numpy((scale * centered(name, math.prod(shape))).astype(np.float32).reshape(shape))


def values_of(key, shape):
    count = math.prod(shape)
    if key.endswith("running_var"):
        return 0.5 + unit(key, count)
    if key.endswith("running_mean"):
        return 0.1 * centered(key, count)
    if "relative_position_bias_table" in key:
        return 0.02 * centered(key, count)
    if "layer_scale" in key:
        return 0.3 * centered(key, count)
    if key.endswith("sigma.scale") or key.endswith(".gamma"):
        return 0.3 + 0.2 * centered(key, count)
    if len(shape) >= 2:
        return centered(key, count) * math.sqrt(3 / math.prod(shape[1:]))
    if key.endswith(".weight"):
        return 1 + 0.1 * centered(key, count)
    return 0.05 * centered(key, count)


def fill(network):
    """Gives every floating-point entry of the state dict its seeded values."""
    state = network.state_dict()
    for key, tensor in state.items():
        if tensor.is_floating_point():
            tensor.copy_(torch.from_numpy(values_of(key, tuple(tensor.shape)).astype(np.float32).reshape(tensor.shape)))
    return network.eval()
