"""A pose model in PyTorch eager: MogaNet and the head of mmpose's HeatmapHead. Prints milliseconds per crop as JSON.

    python pose.py '{"network": "moganet_t", "batches": [1, 20], "height": 256, "width": 192, "threads": 2, "seconds": 8}'
"""

import json
import sys
import time

import torch
from torch import nn

from networks import networks
from seeded import fill, seeded_input

options = json.loads(sys.argv[1])
torch.set_num_threads(options["threads"])


class Pose(nn.Module):
    def __init__(self, backbone, joints=17, channels=(256, 256, 256)):
        super().__init__()
        self.backbone = backbone
        layers, before = [], backbone.norm4.num_features
        for count in channels:
            layers += [nn.ConvTranspose2d(before, count, 4, 2, 1, bias=False), nn.BatchNorm2d(count), nn.ReLU()]
            before = count
        self.keypoint_head = nn.Sequential(*layers, nn.Conv2d(before, joints, 1))

    def forward(self, x):
        return self.keypoint_head(self.backbone(x)[-1])


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
