"""What a clip may be called by in lists that travel: every name once, and no path of a machine."""

from manifests.names import given_person, names_of, person_of

CLIP = {
    "dataset": "mead",
    "given_identity": "W009",
    "identity": "p_1",
    "id": "c_1",
    "file_sha256": "aa",
    "source": "s_1",
}


def test_the_person_is_as_the_data_set_names_it_else_as_told_apart_else_the_source() -> None:
    assert given_person(CLIP) == person_of(CLIP) == "mead/W009"
    nameless = CLIP | {"given_identity": None}
    assert given_person(nameless) is None and person_of(nameless) == "p_1"
    assert person_of(nameless | {"identity": None}) == "s_1"


def test_every_name_stands_once_and_missing_ones_do_not() -> None:
    source = {"sha256": "bb", "origin": "https://example.org/v", "name": "c_1"}
    assert names_of(CLIP, source) == ("p_1", "mead/W009", "W009", "c_1", "aa", "s_1", "bb", "https://example.org/v")
    assert names_of(CLIP | {"identity": None}, {}) == ("mead/W009", "W009", "c_1", "aa", "s_1")


def test_a_path_of_this_machine_is_no_name() -> None:
    source = {"sha256": "bb", "origin": "/home/somebody/videos/talk.mp4", "name": "talk.mp4"}
    named = names_of(CLIP, source)
    assert "talk.mp4" in named and not any("/home" in name for name in named)
