"""Runs the pose model of samples/poses on crops in double precision, for scripts/verify_samples.ts.

    python scripts/verify_poses.py CHECKPOINT CROPS HEATMAPS

CROPS and HEATMAPS are files of float32 values alone; the crops are N x 3 x 128 x 96.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "bench/peers"))
from networks import MogaNet, Pose  # noqa: E402

checkpoint, crops, heatmaps = map(Path, sys.argv[1:])
data = checkpoint.read_bytes()
(length,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8 : 8 + length])
header.pop("__metadata__")
types = {"F16": "<f2", "I64": "<i8"}


def tensor(entry):
    start, end = entry["data_offsets"]
    values = np.frombuffer(data[8 + length + start : 8 + length + end], types[entry["dtype"]])
    return torch.tensor(values.reshape(entry["shape"]).astype(np.float64))


def own(key):
    """Pose has the head as one sequence, as mmpose 0.x and 1.x have all but its last layer."""
    return key.replace("deconv_layers.", "").replace("final_layer", "9")


model = Pose(MogaNet((16, 24, 32, 48), (1, 1, 1, 1), (2, 2, 2, 2)), channels=(32, 24, 24)).double().eval()
model.load_state_dict({own(key): tensor(entry) for key, entry in header.items()})
with torch.inference_mode():
    found = model(torch.from_numpy(np.fromfile(crops, "<f4").reshape(-1, 3, 128, 96)).double())
found.numpy().astype("<f4").tofile(heatmaps)
