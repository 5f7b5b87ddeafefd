"""Seeded weights depend on names, shapes and the seed only, and keep a deep network's numbers finite."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from perception.seeded import seeded_sha256, seeded_state  # noqa: E402


def _deep(width: int = 16) -> torch.nn.Sequential:
    layers: list[torch.nn.Module] = []
    for number in range(30):
        layers += [torch.nn.Conv2d(3 if number == 0 else width, width, 3, padding=1), torch.nn.BatchNorm2d(width)]
        layers.append(torch.nn.ReLU())
    return torch.nn.Sequential(*layers)


def test_two_networks_of_the_same_names_get_the_same_weights_whatever_was_drawn_before() -> None:
    torch.manual_seed(1)
    one = seeded_state(_deep())
    torch.manual_seed(2)
    other = seeded_state(_deep())
    assert list(one) == list(other)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["0.weight"], seeded_state(_deep(), seed=1)["0.weight"])
    assert not torch.equal(one["3.weight"], one["6.weight"])  # same shape, another name


def test_they_do_not_change_from_version_to_version() -> None:
    state = seeded_state(torch.nn.Linear(3, 2))
    assert state["weight"].dtype == torch.float32
    expected = [-0.321632, -1.047311, 1.75009, 0.693492, -0.103287, 0.411168]
    assert state["weight"].flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_thirty_layers_neither_vanish_nor_explode() -> None:
    network = _deep()
    network.load_state_dict(seeded_state(network), strict=True)
    network.eval()
    with torch.inference_mode():
        found = network(torch.rand(2, 3, 24, 24))
    assert 0.01 < float(found.std()) < 100


def test_each_network_and_seed_has_its_own_hash() -> None:
    assert len({seeded_sha256("a"), seeded_sha256("b"), seeded_sha256("a", 1)}) == 3
    assert len(seeded_sha256("a")) == 64
