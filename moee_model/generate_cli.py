"""`moee generate`: a picture, a sound and an emotion to a video."""

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from moee_model.generate import Generator
    from moee_model.pipeline import Emotions

EXAMPLE = "Example: moee generate --model out/model --image me.jpg --audio speech.wav --emotion happy --out me.mp4"
_QUIET_SECONDS = 30.0  # between lines when stderr is no terminal

ModelPlace = Annotated[str, typer.Option("--model", metavar="DIR|HUB_ID", help="A model that moee train wrote.")]
Image = Annotated[Path, typer.Option("--image", metavar="FILE", help="A picture of one face.")]
Audio = Annotated[Path, typer.Option("--audio", metavar="FILE", help="The sound that drives it, of any format.")]
Out = Annotated[Path, typer.Option("--out", metavar="FILE.mp4", help="The video; one that is there is replaced.")]
Spec = Annotated[
    list[str] | None,
    typer.Option(
        "--emotion",
        metavar="SPEC",
        help="happy, neutral, happily-surprised or happy=0.6,surprised=0.4; over time: repeat it as sad@2.5 (seconds).",
    ),
]
Text = Annotated[str | None, typer.Option("--text", metavar="TEXT", help="The emotion in a sentence.")]
FromAudio = Annotated[bool, typer.Option("--emotion-from-audio", help="The sound tells the emotion.")]
Aus = Annotated[
    Path | None, typer.Option("--aus", metavar="FILE", help='Action units in JSON: {"6": 0.5, "12": 0.8}, 0 to 1.')
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def generate(
    model: ModelPlace,
    image: Image,
    audio: Audio,
    out: Out,
    emotion: Spec = None,
    text: Text = None,
    emotion_from_audio: FromAudio = False,
    aus: Aus = None,
    steps: Annotated[int, typer.Option(help="Denoising steps: more are slower and finer.")] = 20,
    guidance: Annotated[float, typer.Option(help="How strongly sound and emotion are followed; 1 is off.")] = 3.5,
    seed: Annotated[int, typer.Option(help="The same seed gives the same video.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    precision: Annotated[str, typer.Option(help="auto (bf16 on CUDA, else fp32), fp32 or bf16.")] = "auto",
    as_json: Json = False,
) -> None:
    """Make a talking head: the face of a picture says a sound with an emotion."""
    from manifests.terminal import print_json, print_lines
    from moee_model.errors import ModelError
    from moee_model.generate import Generator, Settings
    from moee_model.inputs import read_portrait, read_sound

    if out.suffix.lower() != ".mp4":
        raise ModelError("The video is written as MP4: give --out a name that ends in .mp4.")
    if not out.parent.is_dir():
        raise ModelError("The folder of --out does not exist: make it first.")
    told = _emotion(emotion, text, emotion_from_audio, aus)
    settings = Settings(steps, guidance, seed)
    sound = read_sound(audio)
    from moee_model.saved import read_config  # imports the networks' libraries: seconds

    folder, config = read_config(model)
    picture = read_portrait(image, config.size)
    generator = Generator.open(folder, device, precision)  # type: ignore[arg-type]
    begun = time.perf_counter()
    with _Progress() as progress:
        written = generator.make(picture, sound, told, out, settings, progress=progress.tick)
    took = time.perf_counter() - begun
    if as_json:
        print_json(_result(generator, out, settings, written, took))
        return
    print_lines([
        f"{out}: {written.frames} frames of {config.size}x{config.size} px, {config.fps} per second, "
        f"made in {took:.1f} s on {generator.device}",
        *(f"note: {mark}" for mark in generator.marks),
    ])  # fmt: skip


generate.__doc__ = f"{generate.__doc__}\n\n    {EXAMPLE}"


def _emotion(specs: list[str] | None, text: str | None, from_audio: bool, aus: Path | None) -> "Emotions":
    """The one way in which the emotion was told."""
    from moee_model.emotion import Emotion
    from moee_model.errors import ModelError
    from moee_model.inputs import read_aus, read_emotions

    if sum((bool(specs), text is not None, from_audio, aus is not None)) != 1:
        raise ModelError("Tell the emotion in one way: --emotion, --text, --emotion-from-audio or --aus.")
    if specs:
        return read_emotions(specs)
    if text is not None:
        if not text.strip():
            raise ModelError("--text is empty: describe the emotion in a sentence.")
        return Emotion.described(text)
    return Emotion.heard() if aus is None else Emotion.moved(read_aus(aus))


def _result(generator: "Generator", out: Path, settings: Any, written: Any, took: float) -> dict[str, Any]:
    return {
        "out": str(out),
        "frames": written.frames,
        "fps": generator.config.fps,
        "size": generator.config.size,
        "sha256": written.sha256,
        "model": {"name": generator.config.name, "sha256": generator.sha256, "marks": generator.marks},
        "settings": {"steps": settings.steps, "guidance": settings.guidance, "seed": settings.seed},
        "device": generator.device,
        "precision": generator.precision,
        "seconds": round(took, 3),
    }


class _Progress:
    """A bar of frames on a terminal, a line now and then elsewhere; all of it on stderr."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._spoke = time.monotonic()

    def __enter__(self) -> "_Progress":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("frames", total=None)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tick(self, done: int, total: int) -> None:
        """Frames that were written, of all."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)
        elif time.monotonic() - self._spoke >= _QUIET_SECONDS:
            self._spoke = time.monotonic()
            print(f"{done} of {total} frames", file=sys.stderr, flush=True)
