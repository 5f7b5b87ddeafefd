"""What the model costs: parameters and FLOP of each part, and on a GPU time, share of its peak and memory.

    python -m perf.model [--preset paper] [--device cuda]

The first table is counted on meta tensors (no weights, any machine) and stands beside that of the specification. The
rest is measured where CUDA is; without it, this program says so and prints no number that it did not measure.
"""

from __future__ import annotations

import argparse
import datetime
import platform

import torch

from moee_model.config import model_config
from perf.model_costs import WINDOW, lines, table


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="paper", help="preset or YAML file")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "none", help="cuda, cpu or none")
    asked = parser.parse_args()
    config = model_config(asked.preset)
    torch.set_num_threads(1)
    print(
        f"{config.name}, {config.size} x {config.size} pixels: forward, per frame of a window of {WINDOW}; rows with + "
        "and a sum or an addition, as in the specification\n"
    )
    for line in lines(table(config)):
        print(line)
    if asked.device == "none":
        print("\nTime, share of the peak and memory need CUDA: there is none here, so they were not measured.")
        return
    import diffusers

    from perf.model_speed import Device, speeds

    device = Device(asked.device)
    print(
        f"\n{device.title}, {datetime.date.today()}, torch {torch.__version__}, CUDA {torch.version.cuda}, diffusers "
        f"{diffusers.__version__}, Python {platform.python_version()}\n"
    )
    for line in speeds(config, device):
        print(line, flush=True)


if __name__ == "__main__":
    main()
