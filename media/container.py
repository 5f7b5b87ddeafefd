"""The one place that opens media: a plain regular file, real containers only, nothing else is ever opened.

FFmpeg reads names as addresses (`concat:`, `http:`, `-`, `a%d.png`) and some containers name further files to open
(playlists). Neither can happen here: the file is opened by Python and handed over as a descriptor through the `fd`
protocol, which is the only one allowed, and the content alone, never the name, decides what it is.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from media.errors import MediaError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

CONTAINERS = (
    "mov", "matroska", "mpeg", "mpegts", "avi", "flv", "live_flv", "asf", "ogg", "mxf", "nut", "ivf", "dv", "rm", "gxf",
    "wtv", "nsv", "h264", "hevc", "vvc", "av1", "obu", "m4v", "mpegvideo", "h261", "h263", "vc1", "vc1test", "mjpeg",
    "yuv4mpegpipe", "dirac", "swf", "gif", "apng", "avif", "webp_anim", "jpegxl_anim", "mp3", "aac", "ac3", "eac3",
    "flac", "wav", "w64", "aiff", "au", "caf", "amr", "ape", "tta", "wv", "dts", "dtshd", "voc", "loas",
)  # fmt: skip
PICTURES = (
    "bmp_pipe", "dds_pipe", "dpx_pipe", "exr_pipe", "gem_pipe", "gif_pipe", "hdr_pipe", "j2k_pipe", "jpeg_pipe",
    "jpegls_pipe", "jpegxl_pipe", "pam_pipe", "pbm_pipe", "pcx_pipe", "pfm_pipe", "pgm_pipe", "pgmyuv_pipe",
    "png_pipe", "ppm_pipe", "psd_pipe", "qoi_pipe", "sgi_pipe", "sunrast_pipe", "tiff_pipe", "webp_pipe",
)  # fmt: skip
MAX_PIXELS = 16384 * 16384
_UNREADABLE = (
    "This is not a media file that can be read: its content is no known container, or its header is missing or cut "
    "off; fetch it again."
)


def open_media(path: Path) -> InputContainer:
    """Open one regular file for reading.

    Args:
        path: the file; its name is never interpreted.

    Returns:
        An open PyAV container, to be closed by the caller; hostile metadata bytes read as replacement characters.

    Raises:
        MediaError: the file is absent, empty, not a plain file, not readable, or not media.
    """
    import av

    descriptor = _open_file(path)
    try:
        return av.open(
            "fd:",
            mode="r",
            container_options={
                "fd": str(descriptor),
                "protocol_whitelist": "fd",
                "format_whitelist": ",".join(CONTAINERS + PICTURES),
            },
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(_UNREADABLE) from error
    finally:
        os.close(descriptor)


def _open_file(path: Path) -> int:
    """The descriptor of a regular, non-empty, readable file; O_NONBLOCK so that a named pipe cannot hold us."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError as error:
        raise MediaError("The file does not exist: check its name.") from error
    except PermissionError as error:
        raise MediaError("The file may not be read: give this user the right to read it.") from error
    except (OSError, ValueError) as error:
        raise MediaError("The file cannot be opened: check its name and the disk it is on.") from error
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_size == 0:
        os.close(descriptor)
        if stat.S_ISDIR(facts.st_mode):
            raise MediaError("This is a folder, not a media file: name a file in it.")
        if not stat.S_ISREG(facts.st_mode):
            raise MediaError("This is a device, pipe or socket, not a plain file: copy its content into a file first.")
        raise MediaError("The file is empty: fetch it again.")
    return descriptor


def main_video(container: InputContainer) -> VideoStream | None:
    """The moving pictures to work on, never cover art: the default track, else the largest, else the first."""
    from av.stream import Disposition

    aside = Disposition.attached_pic | Disposition.timed_thumbnails
    usable = [s for s in container.streams.video if s.codec_context is not None and not s.disposition & aside]
    usable = [s for s in usable if s.codec_context.width > 0 and s.codec_context.height > 0]
    return max(usable, key=lambda s: (_is_default(s), s.width * s.height, -s.index), default=None)


def main_audio(container: InputContainer) -> AudioStream | None:
    """The sound to work on: the default track, else the first that can be decoded."""
    usable = [s for s in container.streams.audio if s.codec_context is not None and s.codec_context.sample_rate > 0]
    return max(usable, key=lambda s: (_is_default(s), -s.index), default=None)


def is_picture(container: InputContainer) -> bool:
    """Whether the file is a still picture by its container."""
    return container.format.name in PICTURES


def _is_default(stream: Stream) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.default)
