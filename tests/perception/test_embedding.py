"""Identity embeddings: aligned as the networks were trained, the same bytes every time, packs by the real library."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception import embedding, weights
from perception.align import ARCFACE, DLIB, Reference, align, similarity
from perception.embedding import FaceEmbedder, find_pack, robust_mean, usable
from perception.errors import PerceptionError
from tests.perception.conftest import need

ROOT = Path(weights.__file__).parent.parent


@pytest.fixture(scope="module")
def dlib_embedder() -> FaceEmbedder:
    pytest.importorskip("dlib", reason="dlib is not installed: pip install 'moee[curation]'")
    need("dlib-face")
    return FaceEmbedder.load("dlib")


@pytest.fixture(scope="module")
def portrait() -> tuple[np.ndarray, np.ndarray]:
    """The astronaut that scikit-image ships, and landmarks of her face."""
    from perception.landmarks import FaceLandmarker

    need("face-mesh")
    rgb = pytest.importorskip("skimage.data").astronaut()
    with FaceLandmarker.load(model="face-mesh") as landmarker:
        (mesh,) = landmarker([rgb], [(177.0, 82.0, 272.0, 177.0)])
    assert mesh is not None
    return rgb, mesh.points


def placed(reference: Reference, scale: float, turn: float, x: float, y: float) -> np.ndarray:
    """Landmarks [468, 2] px whose reference points are those of the crop, turned, scaled and moved."""
    points = np.zeros((468, 2))
    axes = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    for marks, point in zip(reference.marks, reference.points, strict=True):
        points[list(marks)] = axes @ np.array(point) + (x + 0.5, y + 0.5)
    return points


# --- alignment --------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.floats(0.05, 20), st.floats(-3.1, 3.1), st.floats(-500, 500), st.floats(-500, 500), st.integers(0, 2**32 - 1))
def test_a_similarity_is_found_exactly_and_never_mirrors(scale, turn, x, y, seed) -> None:
    source = np.random.default_rng(seed).normal(size=(5, 2))
    axes = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    found = similarity(source, source @ axes.T + (x, y))
    assert np.allclose(found[:2, :2], axes, atol=1e-6 * scale)
    assert np.allclose(found[:2, 2], (x, y), atol=1e-5)
    mirrored = similarity(source, source * (-1, 1))
    assert np.linalg.det(mirrored[:2, :2]) >= 0


@pytest.mark.parametrize("reference", [DLIB, ARCFACE])
@pytest.mark.parametrize(("scale", "turn"), [(1.0, 0.0), (2.3, 0.4), (0.6, -1.2), (3.0, 2.9)])
def test_landmarks_come_to_lie_where_the_network_expects_them(reference: Reference, scale: float, turn: float) -> None:
    """A bright spot on each landmark of a dark picture is found again at the reference point."""
    picture = np.zeros((900, 900, 3), np.uint8)
    points = placed(reference, scale, turn, 430, 450)
    radius = max(2.0, 3 * scale)
    rows, columns = np.mgrid[:900, :900] + 0.5
    for marks in reference.marks:
        x, y = points[marks[0]]
        spot = 255 * np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)
        picture = np.maximum(picture, spot[:, :, None].astype(np.uint8))
    crop = align(picture, points, reference)[:, :, 0].astype(float)
    for x, y in reference.points:
        near = crop[round(y) - 7 : round(y) + 8, round(x) - 7 : round(x) + 8]
        down, across = np.mgrid[round(y) - 7 : round(y) + 8, round(x) - 7 : round(x) + 8]
        assert near.sum() > 255
        assert abs((near * across).sum() / near.sum() - x) < 0.35
        assert abs((near * down).sum() / near.sum() - y) < 0.35


def test_a_large_face_is_averaged_not_sampled() -> None:
    """One-pixel stripes of a face seven times the crop become grey; plain sampling would show bands."""
    picture = np.zeros((1400, 1400, 3), np.uint8)
    picture[:, ::2] = 255
    crop = align(picture, placed(DLIB, 7.0, 0.1, 300, 200), DLIB)
    assert np.abs(crop[10:-10, 10:-10].astype(float) - 127.5).max() < 16


def test_beyond_the_picture_it_is_black() -> None:
    crop = align(np.full((60, 60, 3), 200, np.uint8), placed(DLIB, 1.0, 0.0, -75, 0), DLIB)
    assert (crop[1:59, 76:134] == 200).all()
    assert not crop[:, :74].any()
    assert not crop[61:].any()


def test_landmarks_on_one_spot_are_refused() -> None:
    for points in (np.full((468, 3), 7.0), np.full((468, 3), np.nan)):
        with pytest.raises(PerceptionError, match="cannot be aligned"):
            align(np.zeros((9, 9, 3), np.uint8), points, DLIB)


def test_the_crop_is_the_one_that_dlib_itself_cuts_from_the_same_landmarks(portrait) -> None:
    dlib = pytest.importorskip("dlib")
    rgb, points = portrait
    whole, parts = points.copy(), dlib.points()  # dlib's points are whole pixels
    for marks in DLIB.marks:
        x, y = np.rint(points[marks[0], :2] - 0.5).astype(int).tolist()
        parts.append(dlib.point(x, y))
        whole[marks[0], :2] = (x + 0.5, y + 0.5)
    shape = dlib.full_object_detection(dlib.rectangle(177, 82, 272, 177), parts)
    theirs = dlib.get_face_chip(rgb, shape, size=150, padding=0.25).astype(float)
    ours = align(rgb, whole, DLIB).astype(float)
    assert np.abs(theirs - ours).mean() < 1.5
    for step, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        assert np.abs(theirs - np.roll(ours, step, axis)).mean() > 4  # so one pixel would be seen


# --- dlib -------------------------------------------------------------------------------------------------------------


def test_vectors_have_the_promised_form_and_depend_on_their_crop_alone(dlib_embedder, portrait) -> None:
    crop = dlib_embedder.crop(*portrait)
    other = np.ascontiguousarray(crop[:, ::-1])
    alone = dlib_embedder([crop])
    assert (alone.shape, alone.dtype) == ((1, 128), np.float32)
    assert (dlib_embedder.name, dlib_embedder.size, dlib_embedder.dim) == ("dlib-face", 150, 128)
    assert not dlib_embedder.noncommercial
    assert dlib_embedder.model_hashes == {"dlib-face": weights.entry("dlib-face").sha256}
    assert dlib_embedder(np.stack([other, crop]))[1].tobytes() == alone[0].tobytes()
    assert dlib_embedder([]).shape == (0, 128)


def test_the_same_bytes_in_every_process_whatever_the_number_of_threads(dlib_embedder) -> None:
    code = (
        "import numpy as np; from perception.embedding import FaceEmbedder; "
        "crop = np.random.default_rng(7).integers(0, 256, (150, 150, 3), dtype=np.uint8); "
        "print(FaceEmbedder.load('dlib')([crop]).tobytes().hex())"
    )
    said = []
    for threads, filler in (("1", "0"), ("4", "77")):
        env = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "MALLOC_PERTURB_": filler}
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, check=True)
        said.append(done.stdout)
    crop = np.random.default_rng(7).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    assert said[0] == said[1] == dlib_embedder([crop]).tobytes().hex().encode() + b"\n"


def test_a_moved_turned_and_darker_portrait_is_the_same_person(dlib_embedder, portrait) -> None:
    import cv2

    rgb, points = portrait
    turn = cv2.getRotationMatrix2D((224, 130), 25, 0.7)
    turned = cv2.convertScaleAbs(cv2.warpAffine(rgb, turn, (512, 512)), alpha=0.6)
    moved = np.column_stack([points[:, :2] @ turn[:, :2].T + turn[:, 2], points[:, 2]])
    one, same, unaligned = dlib_embedder(
        [dlib_embedder.crop(rgb, points), dlib_embedder.crop(turned, moved), dlib_embedder.crop(turned, points)]
    )
    assert np.linalg.norm(one - same) < 0.25
    assert np.linalg.norm(one - unaligned) > 0.5


def test_declared_persons_on_images(dlib_embedder, full_range, landmarker, test_data: Path) -> None:
    """The "same person" pair of INDEX.md and a stranger."""
    import cv2

    vectors = []
    for name in ("deepface_img16", "deepface_img17", "deepface_img21"):
        rgb = np.ascontiguousarray(cv2.imread(str(test_data / "images" / f"{name}.jpg"))[:, :, ::-1])
        (mesh,) = landmarker([rgb], [full_range([rgb])[0][0].box])
        vectors.append(dlib_embedder([dlib_embedder.crop(rgb, mesh.points)])[0])
    assert np.linalg.norm(vectors[0] - vectors[1]) < 0.5 < np.linalg.norm(vectors[0] - vectors[2])


def test_what_is_no_crop_is_refused(dlib_embedder) -> None:
    for shape, kind in (((112, 112, 3), np.uint8), ((150, 150, 3), np.float32), ((150, 150), np.uint8)):
        with pytest.raises(PerceptionError, match=r"takes crops \[150, 150, 3\] uint8"):
            dlib_embedder([np.zeros(shape, kind)])


def test_absent_and_unknown_networks_are_one_sentence_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, homeless
) -> None:
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    assert usable("auto") is usable("dlib") is usable("insightface") is None
    with pytest.raises(PerceptionError, match="moee models fetch dlib-face"):
        FaceEmbedder.load("auto")
    with pytest.raises(PerceptionError, match="No InsightFace pack"):
        FaceEmbedder.load("insightface")
    with pytest.raises(PerceptionError, match="'auto', 'dlib', 'insightface'"):
        FaceEmbedder.load("facenet")
    with pytest.raises(PerceptionError, match="device='cpu'"):
        FaceEmbedder.load("dlib", device="tpu")


def test_a_damaged_dlib_file_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, homeless) -> None:
    right = need("dlib-face").read_bytes()
    (homeless / weights.entry("dlib-face").file).write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    assert usable("auto") is None
    (homeless / weights.entry("dlib-face").file).write_bytes(right)
    assert usable("auto") == ("dlib-face", weights.entry("dlib-face").sha256)


# --- InsightFace packs ------------------------------------------------------------------------------------------------


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty weights folder, and no pack in the home folder."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv("MOEE_WEIGHTS", str(folder))
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path / "home"))
    return folder


def make_network(path: Path, side: int = 112, outputs: int = 1, seed: int = 0, dim: int = 512) -> np.ndarray:
    """Write a seeded network of the shapes of a recognition network: means of a 4 x 4 grid, times a matrix.

    Returns:
        The matrix [48, dim] float32.
    """
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("insightface")
    from onnx import TensorProto, helper, numpy_helper

    matrix = np.random.default_rng(seed).normal(size=(48, dim)).astype(np.float32)
    cell = side // 4
    nodes = [
        helper.make_node("AveragePool", ["input.1"], ["pooled"], kernel_shape=[cell, cell], strides=[cell, cell]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        *(helper.make_node("MatMul", ["flat", "matrix"], [f"out{n}"]) for n in range(outputs)),
    ]
    fed = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["None", 3, side, side])
    given_ = [helper.make_tensor_value_info(f"out{n}", TensorProto.FLOAT, [1, dim]) for n in range(outputs)]
    graph = helper.make_graph(nodes, "made", [fed], given_, [numpy_helper.from_array(matrix, "matrix")])
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8), str(path))
    return matrix


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_pack_runs_through_the_real_library_and_is_flagged(homeless: Path) -> None:
    path = homeless / "insightface" / "made" / "recognise.onnx"
    matrix = make_network(path)
    make_network(path.with_name("a_landmarks.onnx"), side=192)  # as packs hold: other shapes, other purposes
    make_network(path.with_name("b_detector.onnx"), outputs=9)
    embedder = FaceEmbedder.load("auto")
    assert (embedder.name, embedder.size, embedder.dim, embedder.noncommercial) == ("insightface/made", 112, 512, True)
    assert embedder.model_hashes == {"insightface/made": sha256(path)}
    assert usable("auto") == usable("insightface") == ("insightface/made", sha256(path))
    crop = np.random.default_rng(1).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    grid = ((crop.astype(np.float64) - 127.5) / 127.5).reshape(4, 28, 4, 28, 3).mean(axis=(1, 3))
    wanted = grid.transpose(2, 0, 1).reshape(48) @ matrix  # red first, as it was trained
    (vector,) = embedder([crop])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    assert np.allclose(vector, wanted / np.linalg.norm(wanted), atol=1e-4)
    assert embedder([crop]).tobytes() == embedder(np.stack([crop, crop]))[1:].tobytes()


def test_dlib_is_taken_when_asked_for_beside_a_pack(homeless: Path) -> None:
    pytest.importorskip("dlib")
    need("dlib-face")
    make_network(homeless / "insightface" / "made" / "recognise.onnx")
    found = usable("dlib")
    assert found is not None
    assert found[0] == "dlib-face"


def test_a_pack_in_the_librarys_own_folder_is_found(homeless: Path, tmp_path: Path) -> None:
    path = tmp_path / "home" / "models" / "mine" / "net.onnx"
    make_network(path)
    assert usable("insightface") == ("insightface/mine", sha256(path))


def test_a_damaged_pack_is_left_out_with_one_sentence(homeless: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = homeless / "insightface" / "made" / "recognise.onnx"
    make_network(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert find_pack() is None
    assert "is no readable ONNX file" in caplog.text
    path.with_name("a_link.onnx").symlink_to("nowhere")
    path.write_bytes(whole)
    assert find_pack() is not None
    assert "a_link.onnx cannot be read" in caplog.text


def test_a_published_name_with_other_bytes_is_left_out(homeless: Path, caplog: pytest.LogCaptureFixture) -> None:
    (name,) = embedding.PUBLISHED
    make_network(homeless / "insightface" / "buffalo_l" / name)
    assert find_pack() is None
    assert "sha256 differs" in caplog.text


# --- the mean of a track --------------------------------------------------------------------------------------------


def test_a_minority_of_wrong_frames_hardly_moves_the_mean(seed: int = 3) -> None:
    rng = np.random.default_rng(seed)
    person, stranger = rng.normal(size=(2, 128)) / 12
    frames = np.stack([person + rng.normal(size=128) / 100 for _ in range(3)] + [stranger, stranger])
    robust, plain = robust_mean(frames), frames.mean(axis=0)
    assert np.linalg.norm(robust - person) < 0.2 * np.linalg.norm(plain - person)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 9), st.integers(0, 2**32 - 1), st.floats(0.01, 10))
def test_no_point_nearby_has_a_smaller_sum_of_distances(count: int, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 6)) * scale
    if seed % 3 == 0:
        points[: (count + 1) // 2] = points[0]  # frames may be equal, as of a still
    middle = robust_mean(points).astype(np.float64)

    def cost(at: np.ndarray) -> float:
        return float(np.linalg.norm(points - at, axis=1).sum())

    for step in rng.normal(size=(20, 6)):
        assert cost(middle) <= cost(middle + 0.02 * scale * step) * (1 + 1e-6)
