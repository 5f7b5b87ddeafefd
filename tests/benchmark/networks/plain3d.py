"""Layers of video networks by plain sums, and their names and shapes, written down from the papers' tables."""

from __future__ import annotations

import numpy as np

from tests.perception.networks import normal

Shapes = dict[str, tuple[int, ...]]
# Inception-v1 (Szegedy et al. 2015, table 1): #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
INCEPTION = {
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}
OURS = ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")
THEIRS = ("branch_0", "branch_1.0", "branch_1.1", "branch_2.0", "branch_2.1", "branch_3.1")


def unit_shapes(name: str, taken: int, given: int, side: int, norm: str = "bn") -> Shapes:
    """Of a convolution without bias and its batch norm."""
    shapes: Shapes = {f"{name}.conv3d.weight": (given, taken, side, side, side)}
    shapes |= {f"{name}.{norm}.{part}": (given,) for part in ("weight", "bias", "running_mean", "running_var")}
    return shapes | {f"{name}.{norm}.num_batches_tracked": ()}


def i3d_shapes(script: bool = False) -> Shapes:
    """Of I3D by VideoGPT's names, or by those of StyleGAN-V's program."""
    first, mixed, norm = ("conv3d", "mixed", "batch3d") if script else ("Conv3d", "Mixed", "bn")
    shapes = unit_shapes(f"{first}_1a_7x7", 3, 64, 7, norm)
    shapes |= unit_shapes(f"{first}_2b_1x1", 64, 64, 1, norm) | unit_shapes(f"{first}_2c_3x3", 64, 192, 3, norm)
    taken = 192
    for name, (one, reduce3, three, reduce5, five, pool) in INCEPTION.items():
        layers = [(taken, one, 1), (taken, reduce3, 1), (reduce3, three, 3), (taken, reduce5, 1), (reduce5, five, 3)]
        for branch, (before, after, side) in zip(THEIRS if script else OURS, [*layers, (taken, pool, 1)], strict=True):
            shapes |= unit_shapes(f"{mixed}_{name}.{branch}", before, after, side, norm)
        taken = one + three + five + pool
    last = "conv3d_0c_1x1" if script else "logits"
    return shapes | {f"{last}.conv3d.weight": (400, taken, 1, 1, 1), f"{last}.conv3d.bias": (400,)}


def resnet_shapes() -> Shapes:
    """Of Hara's ResNet-50 (CVPR 2018, table 1) with shortcuts of type B."""
    shapes: Shapes = {}

    def layer(convolution: str, norm: str, shape: tuple[int, ...]) -> None:
        shapes[f"{convolution}.weight"] = shape
        shapes.update({f"{norm}.{part}": shape[:1] for part in ("weight", "bias", "running_mean", "running_var")})
        shapes[f"{norm}.num_batches_tracked"] = ()

    layer("conv1", "bn1", (64, 3, 7, 7, 7))
    taken = 64
    for number, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for place in range(blocks):
            block = f"layer{number + 1}.{place}"
            layer(f"{block}.conv1", f"{block}.bn1", (width, taken, 1, 1, 1))
            layer(f"{block}.conv2", f"{block}.bn2", (width, width, 3, 3, 3))
            layer(f"{block}.conv3", f"{block}.bn3", (4 * width, width, 1, 1, 1))
            if place == 0:
                layer(f"{block}.downsample.0", f"{block}.downsample.1", (4 * width, taken, 1, 1, 1))
            taken = 4 * width
    return shapes | {"fc.weight": (400, 2048), "fc.bias": (400,)}


def around(size: int, window: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis of `size`, as TensorFlow documents SAME."""
    rest = size % stride
    whole = max(window - (rest if rest else stride), 0)
    return whole // 2, whole - whole // 2


def convolved(x: np.ndarray, weight: np.ndarray, stride: tuple[int, ...], pads: list[tuple[int, int]]) -> np.ndarray:
    """x [C, T, H, W] by weight [D, C, t, h, w] -> [D, ...] in float64; `pads` of zeros around each axis."""
    x = np.pad(np.asarray(x, np.float64), [(0, 0), *pads])
    window = weight.shape[2:]
    sizes = [(size - wide) // step + 1 for size, wide, step in zip(x.shape[1:], window, stride, strict=True)]
    out = np.zeros((len(weight), *sizes))
    for place in np.ndindex(*window):
        ends = [
            slice(at, at + step * (size - 1) + 1, step) for at, step, size in zip(place, stride, sizes, strict=True)
        ]
        part = np.asarray(weight[(slice(None), slice(None), *place)], np.float64)
        out += np.tensordot(part, x[(slice(None), *ends)], axes=1)
    return out


def largest(
    x: np.ndarray, window: tuple[int, ...], stride: tuple[int, ...], pads: list[tuple[int, int]], beyond: float
) -> np.ndarray:
    """Maximum over windows of x [C, T, H, W], beyond whose edges lies a constant."""
    x = np.pad(np.asarray(x, np.float64), [(0, 0), *pads], constant_values=beyond)
    sizes = [(size - wide) // step + 1 for size, wide, step in zip(x.shape[1:], window, stride, strict=True)]
    out = np.full((len(x), *sizes), -np.inf)
    for place in np.ndindex(*window):
        ends = [
            slice(at, at + step * (size - 1) + 1, step) for at, step, size in zip(place, stride, sizes, strict=True)
        ]
        out = np.maximum(out, x[(slice(None), *ends)])
    return out


def same(x: np.ndarray, window: tuple[int, ...], stride: tuple[int, ...]) -> list[tuple[int, int]]:
    """What `around` says of the last three axes of x."""
    return [around(*numbers) for numbers in zip(x.shape[1:], window, stride, strict=True)]


def unit(x: np.ndarray, state: dict[str, np.ndarray], name: str, epsilon: float, stride: int = 1) -> np.ndarray:
    """A convolution with SAME padding, batch norm and ReLU."""
    weight, steps = state[f"{name}.conv3d.weight"], (stride,) * 3
    x = convolved(x, weight, steps, same(x, weight.shape[2:], steps))
    return np.maximum(normal(x, state, f"{name}.bn", epsilon), 0)


def pooled(x: np.ndarray, window: tuple[int, ...], stride: tuple[int, ...]) -> np.ndarray:
    """The largest of windows with SAME padding."""
    return largest(x, window, stride, same(x, window, stride), 0.0)


def i3d(x: np.ndarray, state: dict[str, np.ndarray], epsilon: float) -> np.ndarray:
    """x [3, T, H, W] through I3D -> [400]."""
    x = pooled(unit(x, state, "Conv3d_1a_7x7", epsilon, 2), (1, 3, 3), (1, 2, 2))
    x = unit(unit(x, state, "Conv3d_2b_1x1", epsilon), state, "Conv3d_2c_3x3", epsilon)
    x = pooled(x, (1, 3, 3), (1, 2, 2))
    for name in INCEPTION:
        if name == "4b":
            x = pooled(x, (3, 3, 3), (2, 2, 2))
        elif name == "5b":
            x = pooled(x, (2, 2, 2), (2, 2, 2))
        x = mixed(x, state, f"Mixed_{name}", epsilon)
    assert x.shape[2:] == (7, 7)
    pairs = x.mean(axis=(2, 3))
    pairs = (pairs[:, 1:] + pairs[:, :-1]) / 2
    weight = np.asarray(state["logits.conv3d.weight"][:, :, 0, 0, 0], np.float64)
    return np.asarray((weight @ pairs + state["logits.conv3d.bias"][:, None]).mean(axis=1))


def mixed(x: np.ndarray, state: dict[str, np.ndarray], name: str, epsilon: float) -> np.ndarray:
    """One of Inception's modules."""
    second = unit(unit(x, state, f"{name}.b1a", epsilon), state, f"{name}.b1b", epsilon)
    third = unit(unit(x, state, f"{name}.b2a", epsilon), state, f"{name}.b2b", epsilon)
    fourth = unit(pooled(x, (3, 3, 3), (1, 1, 1)), state, f"{name}.b3b", epsilon)
    return np.concatenate([unit(x, state, f"{name}.b0", epsilon), second, third, fourth])


def resnet(x: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
    """x [3, T, H, W] through Hara's ResNet-50 -> [2048]."""
    x = convolved(x, state["conv1.weight"], (1, 2, 2), [(3, 3)] * 3)
    x = largest(np.maximum(normal(x, state, "bn1"), 0), (3,) * 3, (2,) * 3, [(1, 1)] * 3, -np.inf)
    for number, blocks in enumerate((3, 4, 6, 3)):
        for place in range(blocks):
            name, kept = f"layer{number + 1}.{place}", x
            step = (2 if place == 0 and number > 0 else 1,) * 3
            if place == 0:
                kept = convolved(x, state[f"{name}.downsample.0.weight"], step, [(0, 0)] * 3)
                kept = normal(kept, state, f"{name}.downsample.1")
            x = np.maximum(normal(convolved(x, state[f"{name}.conv1.weight"], (1,) * 3, [(0, 0)] * 3), state, f"{name}.bn1"), 0)  # fmt: skip # noqa: E501
            x = np.maximum(normal(convolved(x, state[f"{name}.conv2.weight"], step, [(1, 1)] * 3), state, f"{name}.bn2"), 0)  # fmt: skip # noqa: E501
            x = normal(convolved(x, state[f"{name}.conv3.weight"], (1,) * 3, [(0, 0)] * 3), state, f"{name}.bn3")
            x = np.maximum(x + kept, 0)
    return np.asarray(x.mean(axis=(1, 2, 3)))


def bilinear(picture: np.ndarray, high: int, wide: int) -> np.ndarray:
    """picture [H, W, C] -> [high, wide, C] float64: between pixel centres, without antialias, the edge repeated."""

    def weights(size: int, wanted: int) -> np.ndarray:
        found = np.zeros((wanted, size))
        for at in range(wanted):
            centre = max((at + 0.5) * size / wanted - 0.5, 0.0)
            low = int(centre)
            found[at, low] += 1 - (centre - low)
            found[at, min(low + 1, size - 1)] += centre - low
        return found

    rows, columns = weights(picture.shape[0], high), weights(picture.shape[1], wide)
    across = np.tensordot(rows, picture.astype(np.float64), axes=1)
    return np.tensordot(across, columns, axes=([1], [1])).transpose(0, 2, 1)
