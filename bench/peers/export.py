"""Writes the networks as ONNX files by PyTorch's own exporters: weights inside, batch, height and width symbolic.

    python bench/peers/export.py FOLDER [NAME ...]

Each network is written as NAME.dynamo.onnx (torch.export) and NAME.script.onnx (the older, tracing exporter); a form
that this version of PyTorch cannot write is left out, with the reason on standard error. The benchmark measures both and
takes the faster one as the peer.
"""

import sys
import warnings
from pathlib import Path

import torch

from networks import networks
from seeded import fill, seeded_input

axes = {0: "batch", 2: "height", 3: "width"}
outputs = [f"stage{i}" for i in range(4)]


def dynamo(network, image, file):
    shapes = {axis: torch.export.Dim.DYNAMIC for axis in axes}
    torch.onnx.export(
        network, (image,), file, dynamo=True, dynamic_shapes=(shapes,), input_names=["image"], output_names=outputs,
        external_data=False, verbose=False,
    )  # fmt: skip


def script(network, image, file):
    torch.onnx.export(
        network, (image,), file, dynamo=False, input_names=["image"], output_names=outputs, opset_version=17,
        dynamic_axes={name: axes for name in ["image", *outputs]},
    )  # fmt: skip


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    image = seeded_input("image", (2, 3, 96, 160))
    for name in sys.argv[2:] or networks:
        network = fill(networks[name]())
        for form in (dynamo, script):
            file = folder / f"{name}.{form.__name__}.onnx"
            part = file.with_suffix(".part")
            try:
                with torch.no_grad():
                    form(network, image, str(part))
                part.replace(file)
                print(f"{file.name} {file.stat().st_size}", flush=True)
            except Exception as error:  # an exporter may fail on a network; the other one is then the peer
                part.unlink(missing_ok=True)
                print(f"{file.name} cannot be written: {str(error).splitlines()[0]}", file=sys.stderr, flush=True)


main()
