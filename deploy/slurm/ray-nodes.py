#!/usr/bin/env python
"""Waits until the Ray at RAY_ADDRESS has so many nodes; after the time is up it goes on with those that came."""

import argparse
import logging
import sys
import time


def main() -> int:
    """Return 0 when there is a Ray with at least one node, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nodes", type=int)
    parser.add_argument("--wait", type=float, default=300, metavar="SECONDS")
    wanted = parser.parse_args()
    until = time.monotonic() + wanted.wait
    import ray

    while True:
        try:
            ray.init("auto", logging_level=logging.ERROR, log_to_driver=False)
            break
        except (ConnectionError, RuntimeError, ValueError) as error:
            if time.monotonic() > until:
                print(f"Ray did not start within {wanted.wait:.0f} s: {error}", file=sys.stderr)
                return 1
            time.sleep(1)
    alive = 0
    while time.monotonic() < until:
        alive = sum(node["Alive"] for node in ray.nodes())
        if alive >= wanted.nodes:
            break
        time.sleep(1)
    resources = ray.cluster_resources()
    print(
        f"Ray: {alive} of {wanted.nodes} nodes, {resources.get('CPU', 0):.0f} CPUs, {resources.get('GPU', 0):.0f} GPUs",
        file=sys.stderr,
    )
    ray.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
