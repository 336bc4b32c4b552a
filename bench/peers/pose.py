"""A pose model in PyTorch eager: MogaNet and the head of mmpose's HeatmapHead. Prints milliseconds per crop as JSON.

    python pose.py '{"network": "moganet_t", "batches": [1, 20], "height": 256, "width": 192, "threads": 2, "seconds": 8}'
"""

import json
import sys
import time

import torch

from networks import Pose, networks
from seeded import fill, seeded_input

options = json.loads(sys.argv[1])
torch.set_num_threads(options["threads"])

model = fill(Pose(networks[options["network"]]()))
shape = (3, options["height"], options["width"])
inputs = {batch: seeded_input("image", (batch, *shape)) for batch in options["batches"]}
best = {}
with torch.inference_mode():
    for image in inputs.values():
        model(image)
    end = time.perf_counter() + options["seconds"]
    while not best or time.perf_counter() < end:
        for batch, image in inputs.items():
            start = time.perf_counter()
            model(image)
            ms = 1000 * (time.perf_counter() - start) / batch
            best[batch] = min(best.get(batch, ms), ms)
print(json.dumps({"version": torch.__version__, "msPerCrop": best}))
