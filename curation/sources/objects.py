"""Videos below an address of shared storage (`s3://bucket/folder`), as inputs in a fixed order."""

from collections.abc import Sequence

from curation.errors import CurationError
from curation.sources.folder import is_hidden
from curation.sources.inputs import Input, Object


def list_objects(addresses: Sequence[str], out: str = "") -> list[Input]:
    """All objects below the addresses, or the object of that name, sorted by name, each once.

    Args:
        addresses: each a folder or an object.
        out: the address of the results, left out.

    Raises:
        CurationError: there is nothing at an address.
        StorageError: the storage does not answer.
    """
    from curation.storage.bucket import Bucket, split

    inputs: dict[str, Input] = {}
    for address in addresses:
        address = address.rstrip("/")
        folder, name = split(address)
        found = {f"{address}/{below}": stored for below, stored in Bucket(address).list().items()}
        if not found:
            alone = folder.list(name).get(name)
            found = {address: alone} if alone is not None else {}
        if not found:
            raise CurationError(f"there is nothing at {address}: check the SOURCE argument")
        for url, stored in found.items():
            below = url[len(address) + 1 :] or name
            if (out and url.startswith(f"{out.rstrip('/')}/")) or any(map(is_hidden, below.split("/"))):
                continue
            inputs.setdefault(url, Input(None, below, object=Object(url, stored.bytes, stored.mtime_ns)))
    return sorted(inputs.values(), key=lambda item: (item.name, item.origin))
