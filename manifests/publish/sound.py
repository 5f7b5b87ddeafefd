"""The sound of a clip as a file of its own: its packets are copied, so it decodes to the same samples."""

import io
from typing import TYPE_CHECKING

from manifests.errors import ManifestError

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer


def sound_of(content: bytes, name: str) -> bytes | None:
    """Return the first sound stream of a clip as an MP4 file without pictures.

    The edit list goes along, so a reader hears what it hears in the clip: the encoder's priming stays hidden.

    Args:
        content: the bytes of a clip's file.
        name: of the clip, for the sentence.

    Returns:
        The bytes of the file, the same for the same clip; None for a clip without sound.

    Raises:
        ManifestError: the clip is no video that FFmpeg reads.
    """
    import av

    try:
        with av.open(io.BytesIO(content)) as clip:
            return _copied(clip) if clip.streams.audio else None
    except (av.FFmpegError, ValueError) as error:
        raise ManifestError(
            f"The clip {name} cannot be read as a video: run moee manifest validate on the manifest."
        ) from error


def _copied(clip: "InputContainer | OutputContainer") -> bytes:
    import av

    assert isinstance(clip, av.container.InputContainer)  # opened for reading
    target, stream = io.BytesIO(), clip.streams.audio[0]
    with av.open(target, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        copy = container.add_stream_from_template(stream)
        for packet in clip.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                container.mux(packet)
    return target.getvalue()
