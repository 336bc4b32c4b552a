"""PyTorch eager as a contender: answers one JSON line per JSON line, as bench/contender.ts does.

    python server.py '{"layout": "contiguous" | "channels_last", "threads": 2}'
"""

import json
import sys
import time

import torch

from networks import networks
from seeded import fill, seeded_input

options = json.loads(sys.argv[1])
layouts = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
layout = layouts[options["layout"]]
torch.set_num_threads(options["threads"])

network = None
image = None


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def load(request):
    global network
    start = time.perf_counter()
    network = fill(networks[request["network"]]()).to(memory_format=layout)
    return {"ms": 1000 * (time.perf_counter() - start)}


def size(request):
    global image
    image = seeded_input("image", (1, 3, request["height"], request["width"])).contiguous(memory_format=layout)
    return {}


def run(_):
    start, cpu = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        network(image)
    return {"ms": 1000 * (time.perf_counter() - start), "cpuMs": 1000 * (time.process_time() - cpu)}


def outputs(request):
    with torch.inference_mode():
        maps = network(image)
    with open(request["file"], "wb") as file:
        for one in maps:
            file.write(one.contiguous().numpy().tobytes())
    return {"shapes": [list(one.shape) for one in maps]}


def peak(_):
    return {"bytes": peak_bytes()}


def about(_):
    return {"version": f"PyTorch {torch.__version__}"}


answers = {answer.__name__: answer for answer in (load, size, run, outputs, peak, about)}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = answers[request["do"]](request)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print("bench:" + json.dumps(answer), flush=True)
