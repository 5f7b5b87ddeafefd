"""Clusters are those of merging the nearest pair first; what must stay apart does; known persons never change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.clusters import cluster, mean_distance
from perception.persons import assign


def plain(points: np.ndarray, threshold: float, cannot: set[tuple[int, int]], names: np.ndarray) -> set[frozenset[int]]:
    """The definition: merge the two nearest clusters that may meet, until none lie within the threshold."""
    clusters = [frozenset([row]) for row in range(len(points))]

    def forbidden(first: frozenset[int], second: frozenset[int]) -> bool:
        for a in first:
            for b in second:
                if (a, b) in cannot or (b, a) in cannot:
                    return True
                if ((names[a] >= 0) & (names[b] >= 0) & (names[a] != names[b])).any():
                    return True
        return False

    while True:
        best = None
        for i, first in enumerate(clusters):
            for second in clusters[i + 1 :]:
                distance = np.mean([np.linalg.norm(points[a] - points[b]) for a in first for b in second])
                if distance <= threshold and (best is None or distance < best[0]) and not forbidden(first, second):
                    best = distance, first, second
        if best is None:
            return set(clusters)
        clusters = [one for one in clusters if one not in best[1:]] + [best[1] | best[2]]


def sets(labels: np.ndarray) -> set[frozenset[int]]:
    """Clusters as sets of rows."""
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def pairs_of(rng: np.random.Generator, rows: int, many: int) -> set[tuple[int, int]]:
    """Random pairs of different rows."""
    drawn = rng.integers(0, rows, (many, 2))
    return {(int(a), int(b)) for a, b in drawn if a != b}


@settings(deadline=None)  # a promise about clusters, not about a busy machine's clock
@given(st.integers(0, 10**6), st.integers(1, 16), st.integers(0, 8), st.booleans())
def test_clusters_are_those_of_merging_the_nearest_pair_first(seed: int, rows: int, many: int, named: bool) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(rows, 3)) * rng.choice([0.3, 1.0, 3.0])
    cannot = pairs_of(rng, rows, many)
    names = rng.integers(-1, 2, (rows, 2)) if named else np.full((rows, 1), -1)
    threshold = float(rng.choice([0.3, 1.0, 2.0]))
    labels = cluster(points, threshold, list(cannot), names=names)
    assert sets(labels) == plain(points, threshold, cannot, names)
    assert list(dict.fromkeys(labels.tolist())) == list(range(labels.max() + 1))


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_the_order_of_rows_does_not_matter(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 3, (rows, 2)).astype(np.float32)  # many ties
    ids = [f"t_{number:03d}" for number in rng.permutation(rows)]
    cannot = np.array(sorted(pairs_of(rng, rows, 5)), np.int64).reshape(-1, 2)
    must = [rng.integers(0, rows, 3) for _ in range(2)]
    labels = cluster(points, 1.2, cannot, must, ids=ids)
    turn = rng.permutation(rows)
    back = np.argsort(turn)
    turned = cluster(points[turn], 1.2, back[cannot], [back[group] for group in must], ids=[ids[row] for row in turn])
    assert np.array_equal(turned[back], labels)


def test_two_faces_of_one_frame_are_never_one_person_however_alike() -> None:
    same = np.zeros((4, 8), np.float32)
    labels = cluster(same, 0.5, [(0, 1)])
    assert labels[0] != labels[1]
    assert len(set(labels.tolist())) == 2


def test_a_group_is_one_person_whatever_its_distance_and_others_join_it_by_mean_distance() -> None:
    points = np.array([[0.0], [10.0], [0.2], [10.1]])
    assert cluster(points, 0.5, must=[[0, 1]]).tolist() == [0, 0, 1, 2]  # on average the group is 5 away from both
    assert cluster(points, 6.0, must=[[0, 1]]).tolist()[:2] == [0, 0]


def test_wide_groups_whose_means_are_nearer_do_not_hide_the_nearest_track() -> None:
    groups = [sign * np.eye(8)[axis] for axis in range(8) for sign in (2.8, -3.2)]  # 0.2 off on average, 3.0 away
    points = np.stack([*groups, np.zeros(8), np.full(8, 0.15)])
    labels = cluster(points, 2.9, must=[[2 * axis, 2 * axis + 1] for axis in range(8)])
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8]


def test_groups_that_share_a_track_are_one() -> None:
    points = np.arange(5.0)[:, None] * 10
    assert cluster(points, 0.5, must=[[0, 1], [1, 4]]).tolist() == [0, 0, 1, 2, 0]


def test_a_group_with_two_faces_in_one_frame_joins_the_nearest_and_keeps_them_apart() -> None:
    main, stranger = np.array([0.0, 0.0]), np.array([1.0, 0.0])
    points = np.stack([main, stranger, main + 0.1, stranger + 0.1])
    labels = cluster(points, 0.01, cannot=[(0, 1)], must=[[0, 1, 2, 3]])
    assert labels.tolist() == [0, 1, 0, 1]


def test_a_group_with_two_names_keeps_the_names_apart() -> None:
    points = np.array([[0.0], [0.1], [0.2]])
    assert cluster(points, 1.0, must=[[0, 1, 2]], names=np.array([[0], [1], [-1]])).tolist() == [0, 1, 1]


def test_a_chain_of_near_tracks_does_not_pull_its_ends_together() -> None:
    labels = cluster(np.arange(0, 40, 1.0)[:, None] * 0.3, 0.5)
    spans = [np.ptp(np.flatnonzero(labels == label)) * 0.3 for label in np.unique(labels)]
    assert len(spans) > 10
    assert max(spans) < 1.0


def test_clusters_do_not_depend_on_how_distances_were_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(3).normal(size=(120, 4))
    whole = cluster(points, 1.4)
    monkeypatch.setattr("perception.clusters.BLOCK", 200)
    assert np.array_equal(cluster(points, 1.4), whole)
    assert 1 < whole.max() < 119


def test_no_tracks_and_one_track() -> None:
    assert cluster(np.empty((0, 128), np.float32), 0.5).tolist() == []
    assert cluster(np.zeros((1, 128), np.float32), 0.5).tolist() == [0]
    assert assign(np.empty((0, 128), np.float32), np.empty(0, np.int64), 0.5).labels.tolist() == []


def test_a_new_track_joins_the_nearest_person_and_names_the_others_in_reach() -> None:
    points = np.array([[0.0], [0.7], [0.3], [5.0]])
    found = assign(points, np.array([7, 3, -1, -1]), 0.5)
    assert found.labels.tolist() == [7, 3, 7, 8]
    assert found.bridges == {2: (3,)}


def test_a_new_track_between_known_persons_does_not_merge_them() -> None:
    points = np.array([[0.0], [0.8], [0.4]])
    assert sets(cluster(points, 0.5)) != {frozenset([0, 1, 2])}
    found = assign(points, np.array([0, 1, -1]), 0.5)
    assert found.labels[0] == 0
    assert found.labels[1] == 1


def test_two_new_faces_of_one_frame_do_not_join_the_same_person() -> None:
    points = np.array([[0.0], [0.1], [0.2]])
    found = assign(points, np.array([0, -1, -1]), 0.5, cannot=[(1, 2)])
    assert found.labels.tolist() == [0, 0, 1]
    assert found.bridges == {}  # the second is no bridge: it can never be that person


def test_a_new_track_seen_with_a_known_face_is_another_person() -> None:
    points = np.array([[0.0], [0.1], [0.45]])
    found = assign(points, np.array([0, -1, 1]), 0.5, cannot=[(1, 0)])
    assert found.labels.tolist() == [0, 1, 1]


def test_a_told_name_leads_to_the_known_person_whatever_the_distance() -> None:
    points = np.array([[0.0], [9.0], [0.1]])
    found = assign(points, np.array([4, -1, -1]), 0.5, must=[[0, 1]], names=np.array([[0], [0], [1]]))
    assert found.labels.tolist() == [4, 4, 5]


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 25))
def test_known_persons_stay_as_they_were_and_the_result_is_its_own_result(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(rows, 2))
    before = rng.integers(1, rows)
    cannot = sorted(pairs_of(rng, rows, 4))
    old = np.full(rows, -1)
    old[:before] = cluster(points[:before], 0.8, [pair for pair in cannot if max(pair) < before])
    found = assign(points, old, 0.8, cannot)
    assert np.array_equal(found.labels[:before], old[:before])
    assert (found.labels >= 0).all()
    for first, second in cannot:
        assert found.labels[first] != found.labels[second]
    for row, others in found.bridges.items():
        assert row >= before
        assert found.labels[row] not in others
    again = assign(points, found.labels, 0.8, cannot)
    assert np.array_equal(again.labels, found.labels)
    assert again.bridges == {}


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 12))
def test_a_new_cluster_joins_only_where_its_mean_distance_to_all_old_tracks_allows(seed: int, a: int, b: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(a + b, 2))
    old = np.r_[rng.integers(0, 3, a), np.full(b, -1)]
    found = assign(points, old, 0.9)
    among = cluster(points[a:], 0.9)
    for label in np.unique(among):
        rows = a + np.flatnonzero(among == label)
        distances = {
            person: mean_distance(points[rows], points[:a][old[:a] == person]) for person in np.unique(old[:a])
        }
        near = sorted((distance, person) for person, distance in distances.items() if distance <= 0.9)
        (joined,) = np.unique(found.labels[rows])
        assert (joined == near[0][1]) if near else (joined > old.max())
        assert found.bridges.get(int(rows[0]), ()) == tuple(sorted(int(person) for _, person in near[1:]))
