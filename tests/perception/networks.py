"""Seeded weights for the panel's networks, and the layers that they are made of, computed by plain sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def seeded(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Numbers for the tensors of a network, of a size that keeps its signals alive; variances are positive."""
    random = np.random.default_rng(seed)
    state: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = np.array(7)
        elif name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
            state[name] = random.uniform(0.5, 1.5, shape).astype(np.float32)
        elif len(shape) >= 2:
            state[name] = random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        else:
            state[name] = random.normal(0, 0.1, shape).astype(np.float32)
    return state


def convolved(x: np.ndarray, weight: np.ndarray, stride: int = 1, pad: tuple[int, int] = (0, 0)) -> np.ndarray:
    """x [C, H, W] by weight [D, C, k, k] -> [D, ...]; `pad` px of zeros before and after each axis; float64."""
    size = weight.shape[-1]
    x = np.pad(np.asarray(x, np.float64), ((0, 0), pad, pad))
    high, wide = ((side - size) // stride + 1 for side in x.shape[1:])
    out = np.zeros((len(weight), high, wide))
    for row in range(size):
        for column in range(size):
            seen = x[
                :, row : row + stride * (high - 1) + 1 : stride, column : column + stride * (wide - 1) + 1 : stride
            ]
            out += np.tensordot(np.asarray(weight[:, :, row, column], np.float64), seen, axes=1)
    return out


def largest(x: np.ndarray, size: int, stride: int, pad: tuple[int, int]) -> np.ndarray:
    """Maximum over windows of x [C, H, W], beyond whose edge lies nothing."""
    x = np.pad(np.asarray(x, np.float64), ((0, 0), pad, pad), constant_values=-np.inf)
    high, wide = ((side - size) // stride + 1 for side in x.shape[1:])
    rows = [
        [x[:, stride * r : stride * r + size, stride * c : stride * c + size].max(axis=(1, 2)) for c in range(wide)]
        for r in range(high)
    ]
    return np.array(rows).transpose(2, 0, 1)


def normal(x: np.ndarray, state: dict[str, np.ndarray], name: str, epsilon: float = 1e-5) -> np.ndarray:
    """Batch normalisation of x [C, ...] by its stored statistics."""
    gamma, beta, mean, variance = (
        np.asarray(state[f"{name}.{part}"], np.float64).reshape(-1, *[1] * (x.ndim - 1))
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def softmax(x: np.ndarray) -> np.ndarray:
    """Probabilities of logits [n]."""
    raised = np.exp(x - x.max())
    return raised / raised.sum()


def resnet_shapes(layers: int, prefix: str, names: dict[str, str]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of a ResNet's trunk as torchvision has them; `names` renames its first parts."""
    shapes: dict[str, tuple[int, ...]] = {}

    def layer(convolution: str, norm: str, shape: tuple[int, ...]) -> None:
        shapes[f"{prefix}{convolution}.weight"] = shape
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{prefix}{norm}.{part}"] = shape[:1]
        shapes[f"{prefix}{norm}.num_batches_tracked"] = ()

    layer(names.get("conv1", "conv1"), names.get("bn1", "bn1"), (64, 3, 7, 7))
    taken = 64
    for number, blocks in enumerate((2, 2, 2, 2) if layers == 18 else (3, 4, 6, 3)):
        name, width = names.get(f"layer{number + 1}", f"layer{number + 1}"), 64 * 2**number
        widths = (width, width) if layers == 18 else (width, width, 4 * width)
        for place in range(blocks):
            block, before = f"{name}.{place}", taken
            for at, given in enumerate(widths):
                side = 3 if layers == 18 or at == 1 else 1
                layer(f"{block}.conv{at + 1}", f"{block}.bn{at + 1}", (given, before, side, side))
                before = given
            if place == 0 and (number > 0 or taken != widths[-1]):
                layer(f"{block}.downsample.0", f"{block}.downsample.1", (widths[-1], taken, 1, 1))
            taken = widths[-1]
    return shapes


def imagenet(picture: np.ndarray) -> np.ndarray:
    """A picture [H, W, 3] uint8 as ImageNet's networks take it: [3, H, W] float64."""
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return ((picture / 255.0 - mean) / deviation).transpose(2, 0, 1)


def resnet(x: np.ndarray, state: dict[str, np.ndarray], layers: int, prefix: str, names: dict[str, str]) -> np.ndarray:
    """x [3, H, W] through the trunk of a ResNet with 18 or 50 layers -> [C, H / 32, W / 32]."""
    told = {key: names.get(key, key) for key in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")}
    x = np.maximum(
        normal(convolved(x, state[f"{prefix}{told['conv1']}.weight"], 2, (3, 3)), state, prefix + told["bn1"]), 0
    )
    x = largest(x, 3, 2, (1, 1))
    sides = (3, 3) if layers == 18 else (1, 3, 1)
    strided = 0 if layers == 18 else 1
    for number, blocks in enumerate((2, 2, 2, 2) if layers == 18 else (3, 4, 6, 3)):
        for place in range(blocks):
            block = f"{prefix}{told[f'layer{number + 1}']}.{place}"
            step = 2 if place == 0 and number > 0 else 1
            kept = x
            if f"{block}.downsample.0.weight" in state:
                kept = normal(convolved(x, state[f"{block}.downsample.0.weight"], step), state, f"{block}.downsample.1")
            for at, side in enumerate(sides):
                weight = state[f"{block}.conv{at + 1}.weight"]
                x = convolved(x, weight, step if at == strided else 1, (side // 2, side // 2))
                x = normal(x, state, f"{block}.bn{at + 1}")
                x = np.maximum(x + kept if at == len(sides) - 1 else x, 0)
    return x


def faces(count: int, side: int, seed: int = 3) -> list[np.ndarray]:
    """Pictures [side, side, 3] uint8 with coarse and fine structure."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        coarse = random.integers(0, 200, (9, 9, 3)).repeat(side // 9 + 1, axis=0).repeat(side // 9 + 1, axis=1)
        found.append((coarse[:side, :side] + random.integers(0, 56, (side, side, 3))).astype(np.uint8))
    return found


class Touches:
    """Pickled, it makes whoever unpickles it touch a file: what a hostile file of weights could do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def spoil(kind: str, path: Path, state: dict[str, np.ndarray], wrap: str | None) -> str:
    """Write a file that is no file of the network, and return what must be said of it."""
    import torch

    tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.items()}
    matrix = next(name for name in tensors if tensors[name].dim() >= 2)
    said = "damaged"
    if kind == "code":
        torch.save({"model": Touches(path.with_name("touched"))}, path)
        return "could run code"
    if kind == "missing":
        del tensors[matrix]
        said = f"{matrix} is missing"
    elif kind == "left over":
        tensors["another.weight"] = tensors[matrix]
        said = "another.weight is not part of the network"
    elif kind == "shape":
        tensors[matrix] = tensors[matrix][:-1].clone()
        said = f"{matrix} has the shape"
    elif kind == "nan":
        tensors[matrix] = tensors[matrix] * float("nan")
        said = f"{matrix} holds numbers that are none"
    torch.save({wrap: tensors} if wrap else tensors, path)
    if kind == "short":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "list":
        torch.save([1, 2, 3], path)
        said = "no named tensors"
    return said


SPOILED = ("code", "missing", "left over", "shape", "nan", "short", "empty", "list")
