"""One S3 server for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.curation.s3 import s3_server


@pytest.fixture(scope="package")
def s3() -> Iterator[dict[str, str]]:
    """The environment that leads to the server; it is set while these tests run."""
    pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[server]'")
    pytest.importorskip("s3fs")
    with s3_server() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield environment
