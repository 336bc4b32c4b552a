"""Evaluates results by pycocotools: evaluate.py LABELS RESULTS TYPE. Prints seconds of CPU time and what came out, as JSON."""
import contextlib
import hashlib
import io
import json
import resource
import sys
import time

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

labels, results, kind = sys.argv[1:]
with contextlib.redirect_stdout(io.StringIO()):
    start = time.process_time()
    truth = COCO(labels)
    found = truth.loadRes(results)
    read = time.process_time()
    evaluation = COCOeval(truth, found, kind)
    evaluation.evaluate()
    evaluation.accumulate()
    done = time.process_time()
digest = hashlib.sha256()
for name in ("precision", "recall", "scores"):
    digest.update(evaluation.eval[name].astype("<f8").tobytes())
print(json.dumps({
    "readSeconds": read - start,
    "evaluateSeconds": done - read,
    "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "arrays": digest.hexdigest(),
}))
