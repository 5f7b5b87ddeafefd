"""Runs one public program on the inputs; started in the environment that has it: `run.py NAME INPUTS OUT THREADS`.

It stands alone: nothing of this project is imported. NAME is a module beside this file with `PACKAGES`, the
distributions it asks, and `measure(folder) -> dict of arrays`; they are written to OUT (.npz) with the versions and
seconds under "about".
"""

import importlib
import json
import sys
import time
import traceback
from importlib.metadata import version
from pathlib import Path

OPERATORS = ("nms", "qnms")
"""Of torchvision, which it describes when it is imported whether it has them or not."""


def without_torchvisions_library() -> "object | None":
    """Torchvision's wheel needs a PyTorch for CUDA; beside another one it can be imported once these are declared.

    Returns what declares them, which must be kept: they go with it.
    """
    import torch

    if torch.version.cuda is not None:  # then torchvision's own library can be loaded, with or without a device
        return None
    library = torch.library.Library("torchvision", "DEF")
    for name in OPERATORS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def main(name: str, inputs: str, out: str, threads: str) -> None:
    """Measure, and write what was found or what went wrong."""
    import numpy as np
    import torch

    torch.set_num_threads(int(threads))
    torch.set_grad_enabled(False)
    sys.path.append(str(Path(__file__).parent))
    declared = without_torchvisions_library()
    start = time.perf_counter()
    about: dict = {"seconds": 0.0, "versions": {}}
    found: dict = {}
    try:
        module = importlib.import_module(name)
        about["versions"] = {package: version(package) for package in module.PACKAGES}
        found = module.measure(Path(inputs))
    except Exception as error:
        traceback.print_exc()
        about["error"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
    about["seconds"] = time.perf_counter() - start
    del declared
    np.savez(out, about=np.array(json.dumps(about)), **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
