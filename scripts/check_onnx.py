"""Checks the files of `moganet export --sample` with the ONNX checker and compares their outputs with this package's.

    pip install onnx onnxruntime numpy
    python scripts/check_onnx.py FOLDER
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(data[8 + length + entry["data_offsets"][0] : 8 + length + entry["data_offsets"][1]], "<f4")
        .reshape(entry["shape"])
        for name, entry in header.items()
    }


def main(folder):
    sample = read_safetensors(folder / "sample.safetensors")
    parts = json.loads((folder / "model.json").read_text())["parts"]
    worst = 0.0
    for part in parts:
        path = str(folder / part["file"])
        onnx.checker.check_model(path, full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for name, ports in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
            assert [port.name for port in ports] == [port["name"] for port in part[name]], f"{part['file']}: other {name}"
        rounds = sorted({name.split("/")[0] for name in sample if name.split("/")[1] == part["name"]})
        assert rounds, f"{part['file']}: the sample has nothing for it"
        for turn in rounds:
            at = f"{turn}/{part['name']}"
            feeds = {port["name"]: sample[f"{at}/in/{port['name']}"] for port in part["inputs"]}
            for port, found in zip(part["outputs"], session.run(None, feeds)):
                wanted = sample[f"{at}/out/{port['name']}"]
                assert found.shape == wanted.shape, f"{at}: {port['name']} is {found.shape}, not {wanted.shape}"
                peak = max(float(np.abs(wanted).max(initial=0)), 1e-30)
                error = float(np.abs(found - wanted).max(initial=0)) / peak
                worst = max(worst, error)
                print(f"{at}/{port['name']} {'x'.join(map(str, found.shape))}: error {error:.1e} of the peak {peak:.3g}")
    # single-precision sums in two orders, through a network some dozens of layers deep
    assert worst < 1e-4, f"an error of {worst:.1e} of the peak is more than rounding"
    print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}: all parts valid, worst error {worst:.1e}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
