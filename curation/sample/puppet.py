"""A still face that can be posed: layers that slide over each other, each moved by displacement fields.

From back to front: the mouth's interior, the lower face (below the lower lip's edge), the face (with a hole below the
upper lip's edge), the upper lids. Every layer is the still (or a painting in its coordinates) seen through the inverse
of its own displacement.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from curation.sample import expression, mouth, warp
from curation.sample.expression import Face
from curation.sample.faces import PORTRAITS, Still, load_still

HEAD = ("shift_x", "shift_y", "roll", "size", "yaw", "pitch")
"""Head motion: shift_x and shift_y in face units, roll, yaw and pitch in radians, size as a share."""

_SMOOTH = {"face": 3e-4, "upper": 1e-5, "lower": 1e-5, "lids": 1e-5}


@dataclass(frozen=True)
class Box:
    """A part of the picture in field cells: rows top..bottom, columns left..right."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def cells(self) -> tuple[slice, slice]:
        """Index of the part in a field."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Index of the part in the picture."""
        step = warp.STEP
        return slice(self.top * step, self.bottom * step), slice(self.left * step, self.right * step)


class Puppet:
    """One portrait at one picture size.

    Args:
        identity: a key of `faces.PORTRAITS`.
        width: pixels of the picture; a multiple of `warp.STEP`.
        height: likewise.
    """

    def __init__(self, identity: str, width: int, height: int) -> None:
        self.identity, self.width, self.height = identity, width, height
        still = load_still(identity, width, height)
        self.face = Face.of(still)
        self._grid = warp.Grid(width, height)
        self._places = self._grid.places()
        points = still.points
        self._chin = self._around(points[[*expression.CHIN, 61, 291]], 0.36, 0.30, 0.42)
        self._mouth = self._around(points[[61, 291, 0, 17, 152]], 0.12, 0.12, 0.30)
        self._eyes = [
            self._around(points[list(which)], 0.10, 0.24, 0.14)
            for which in ((*expression.UPPER_LIDS[:7], 33, 133), (*expression.UPPER_LIDS[7:], 362, 263))
        ]
        self._rest = dict(PORTRAITS[identity].rest)
        self._fields: dict[str, np.ndarray] = {}
        self._index: dict[str, dict[str, int]] = {}
        for layer in expression.ACTIONS:
            self._prepare(layer, still)
        self._paint(still)

    def frame(self, pose: Mapping[str, float]) -> np.ndarray:
        """Draw the face with an amount of each action and head motion.

        Args:
            pose: amounts by name (`expression.ACTIONS`, `HEAD`); what is missing is 0.

        Returns:
            [H, W, 3] uint8 RGB.
        """
        import cv2

        total = {"seal_upper": 1.0, "seal_lower": 1.0, **self._rest}
        for name, amount in pose.items():
            total[name] = total.get(name, 0.0) + amount
        opened = max(0.0, total.get("jaw_open", 0.0))
        total["jaw_corners"] = total.get("jaw_corners", 0.0) + opened
        total["part_upper"] = total.get("part_upper", 0.0) + opened
        common = self._sum("face", total)
        upper = common + self._sum("upper", total)
        source = warp.invert(upper, self._places)
        picture = warp.draw(self._sprites["face"], source, self.width, self.height)
        self._compose_mouth(picture, common, source, total)
        if total.get("lid_close", 0.0) > 0.01:
            self._compose_lids(picture, common, total)
        return cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB)

    def _compose_mouth(
        self, picture: np.ndarray, common: np.ndarray, source: np.ndarray, total: Mapping[str, float]
    ) -> None:
        """Put the lower face and the mouth's interior behind the hole of the face, in place."""
        box, inner = self._chin, self._mouth
        lower = common[box.cells] + self._sum("lower", total)[box.cells]
        back = self._seen("lower", box, warp.invert(lower, self._places[box.cells]))
        behind = self._seen("interior", inner, source[inner.cells])
        rows, columns = inner.pixels
        row, column = box.top * warp.STEP, box.left * warp.STEP
        part = back[rows.start - row : rows.stop - row, columns.start - column : columns.stop - column]
        part[..., :3] = _over(part[..., :3], part[..., 3:], behind)
        front = picture[box.pixels]
        front[..., :3] = _over(front[..., :3], front[..., 3:], back[..., :3])

    def _compose_lids(self, picture: np.ndarray, common: np.ndarray, total: Mapping[str, float]) -> None:
        """Slide the upper lids over the eyes, in place."""
        closing = self._sum("lids", total)
        for box in self._eyes:
            moved = common[box.cells] + closing[box.cells]
            lids = self._seen("lids", box, warp.invert(moved, self._places[box.cells], rounds=8))
            under = picture[box.pixels]
            under[..., :3] = _over(lids[..., :3], lids[..., 3:], under[..., :3])

    def _seen(self, sprite: str, box: Box, source: np.ndarray) -> np.ndarray:
        rows, columns = box.pixels
        return warp.draw(self._sprites[sprite], source, columns.stop - columns.start, rows.stop - rows.start)

    def _sum(self, layer: str, total: Mapping[str, float]) -> np.ndarray:
        fields, result = self._fields[layer], np.zeros((*self._grid.shape, 2), np.float32)
        for name, index in self._index[layer].items():
            amount = total.get(name, 0.0)
            if amount:
                result += np.float32(amount) * fields[index]
        return result

    def _around(self, points: np.ndarray, side: float, above: float, below: float) -> Box:
        """The part of the picture around points, with margins in face units."""
        unit, step = self.face.unit, warp.STEP
        low, high = points.min(0), points.max(0)
        rows, columns = self._grid.shape
        return Box(
            max(0, int((low[1] - above * unit) / step)),
            min(rows, int((high[1] + below * unit) / step) + 1),
            max(0, int((low[0] - side * unit) / step)),
            min(columns, int((high[0] + side * unit) / step) + 1),
        )

    def _prepare(self, layer: str, still: Still) -> None:
        """Spread the actions of a layer, and for the face the head motion, over the picture."""
        face, actions = self.face, expression.ACTIONS[layer]
        used = _controls(layer, still)
        moves = np.stack([action(face)[used] for action in actions.values()])
        pixels = moves[..., :1] * face.right + moves[..., 1:] * face.down
        anchors = self._anchors(layer)
        points = np.vstack([still.points[used], anchors])
        padded = np.concatenate([pixels, np.zeros((len(pixels), len(anchors), 2))], axis=1)
        fields = self._grid.fields(points, padded, _SMOOTH[layer])
        self._index[layer] = {name: index for index, name in enumerate(actions)}
        if layer == "face":
            fields = np.concatenate([fields, self._head(still)])
            self._index[layer] |= {name: len(actions) + index for index, name in enumerate(HEAD)}
        elif layer in ("upper", "lower"):
            fields *= self._window(self._chin)[None, :, :, None]
        self._fields[layer] = fields

    def _anchors(self, layer: str) -> np.ndarray:
        """Points that stay: the picture's border, the lip line beyond the corners, the neck."""
        wide, high = self.width - 1.0, self.height - 1.0
        border = [(x * wide, y * high) for x in (0, 0.25, 0.5, 0.75, 1) for y in (0, 0.25, 0.5, 0.75, 1)]
        border = [(x, y) for x, y in border if x in (0, wide) or y in (0, high)]
        if layer not in ("upper", "lower"):
            return np.array(border)
        points, unit = self.face.points, self.face.unit
        middle, half = (points[61] + points[291]) / 2, (points[291] - points[61]) / 2
        line = [middle + share * half for share in (-2.4, -2.0, -1.6, -1.3, -1.12, 1.12, 1.3, 1.6, 2.0, 2.4)]
        down = self.face.down / unit
        neck = [points[152] + down * 0.45 * unit + side * self.face.right for side in (-0.6, -0.3, 0, 0.3, 0.6)]
        return np.vstack([np.array(border), np.array(line), np.array(neck)])

    def _window(self, box: Box) -> np.ndarray:
        """[h, w] 1 well inside a part of the picture, 0 outside it."""
        window = np.zeros(self._grid.shape, np.float32)
        rows, columns = box.bottom - box.top, box.right - box.left
        y = np.minimum(np.arange(rows), np.arange(rows)[::-1])[:, None]
        x = np.minimum(np.arange(columns), np.arange(columns)[::-1])[None, :]
        ramp = np.clip((np.minimum(x, y) * warp.STEP / self.face.unit - 0.12) / 0.14, 0.0, 1.0)
        window[box.cells] = ramp * ramp * (3.0 - 2.0 * ramp)
        return window

    def _head(self, still: Still) -> np.ndarray:
        """[6, h, w, 2] head motion: shifts, turn and size about the neck, and depth seen from the side."""
        face, places, fade = self.face, self._places, self._grid.fade()[..., None]
        ones, zeros = np.ones(places.shape[:2], np.float32), np.zeros(places.shape[:2], np.float32)
        around = places - np.float32(face.points[152])
        oval = list(expression.OVAL)
        used = [int(i) for i in np.flatnonzero(~np.isnan(still.depth)) if i < 468]
        height = np.nanmean(still.depth[oval]) - still.depth[used]
        height[[used.index(i) for i in oval]] = 0.0
        anchors = self._anchors("face")
        values = np.concatenate([height, np.zeros(len(anchors))])[None, :, None]
        near = self._grid.fields(np.vstack([still.points[used], anchors]), values)[0, :, :, 0]
        rigid = [
            np.stack([ones, zeros], -1) * face.unit,
            np.stack([zeros, ones], -1) * face.unit,
            np.stack([-around[..., 1], around[..., 0]], -1),
            around,
        ]
        deep = [np.stack([near, zeros], -1), np.stack([zeros, near], -1)]
        return np.stack([field * fade for field in rigid] + deep).astype(np.float32)

    def _paint(self, still: Still) -> None:
        """Make the sprites: [H, W, 4] uint8 with their opacity, the interior without."""
        lips = mouth.Lips.of(self.face, self.width, self.height)
        hole = np.zeros((self.height, self.width), np.float32)
        hole[self._hole()] = 1.0
        face = 1.0 - hole * (1.0 - mouth.above_upper(lips))
        self._sprites = {
            "face": _sprite(still.picture, face),
            "lower": _sprite(still.picture, mouth.below_lower(lips)),
            "interior": mouth.interior(self.face, lips, _skin(still)),
            "lids": _sprite(still.picture, self._lid_cover()),
        }

    def _hole(self) -> tuple[slice, slice]:
        rows, columns = self._chin.pixels
        margin = int(0.1 * self.face.unit)
        return slice(rows.start + margin, rows.stop - margin), slice(columns.start + margin, columns.stop - margin)

    def _lid_cover(self) -> np.ndarray:
        """[H, W] 1 above the edge of the upper lids."""
        cover = np.zeros((self.height, self.width), np.float32)
        eyes = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (362, 398, 384, 385, 386, 387, 388, 466, 263))
        x, y = np.meshgrid(np.arange(self.width), np.arange(self.height))
        for box, edge in zip(self._eyes, eyes, strict=True):
            points = self.face.points[list(edge)]
            across = (points[-1] - points[0]) / np.linalg.norm(points[-1] - points[0])
            down = np.array([-across[1], across[0]])
            place, depth = (points - points[0]) @ across, (points - points[0]) @ down
            order = np.argsort(place)
            along = (x - points[0, 0]) * across[0] + (y - points[0, 1]) * across[1]
            under = (x - points[0, 0]) * down[0] + (y - points[0, 1]) * down[1]
            under = under - np.interp(along, place[order], depth[order])
            cover[box.pixels] = np.clip(0.5 - (under - 1.0) / 1.6, 0.0, 1.0)[box.pixels]
        return cover


def _controls(layer: str, still: Still) -> list[int]:
    """The landmarks that hold a layer: all of them, less what lies on the other side of its lip or lid line."""
    stored = [int(i) for i in np.flatnonzero(~np.isnan(still.depth)) if i < 468]
    other: tuple[int, ...] = ()
    if layer == "upper":
        other = expression.LOWER_INNER + expression.LOWER_OUTER
    elif layer == "lower":
        other = expression.UPPER_INNER + expression.UPPER_OUTER
    elif layer == "lids":
        other = expression.LOWER_LIDS
    return [i for i in stored if i not in other]


def _skin(still: Still) -> np.ndarray:
    """[3] mean RGB around the cheek landmarks."""
    places = np.rint(still.points[list(expression.CHEEKS)]).astype(int)
    return np.mean([still.picture[y - 2 : y + 3, x - 2 : x + 3].mean((0, 1)) for x, y in places], axis=0)


def _sprite(picture: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    return np.dstack([picture, np.rint(opacity * 255).astype(np.uint8)])


def _over(front: np.ndarray, opacity: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Blend two uint8 pictures by an opacity [h, w, 1] uint8 of the front one."""
    alpha = opacity.astype(np.uint16)
    return ((front * alpha + back * (255 - alpha) + 127) // 255).astype(np.uint8)
