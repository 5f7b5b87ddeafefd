"""The front door: `moee ...` mounts each room's commands and turns errors into one sentence."""

import importlib
import io
import sys
from typing import Any

import typer

COMMANDS = {  # name -> module and attribute; a room is imported when its command is asked for
    "curate": ("curation.cli", "curate"),
    "rebuild": ("curation.rebuild.cli", "rebuild"),
    "takedown": ("curation.takedown.cli", "takedown"),
    "sample": ("curation.sample.cli", "sample"),
    "manifest": ("manifests.cli", "app"),
    "publish": ("manifests.publish.cli", "publish"),
    "train": ("moee_model.train_cli", "train"),
    "generate": ("moee_model.generate_cli", "generate"),
    "bench": ("benchmark.cli", "app"),
    "study": ("benchmark.study.cli", "app"),
    "models": ("perception.cli", "app"),
    "doctor": ("moee_doctor", "doctor"),
}
WINGS = {"manifest": {"report": ("curation.report.cli", "report")}}  # commands of a group that lie on a higher floor


class _Rooms(typer.core.TyperGroup):
    """Imports a room only when one of its commands runs or is listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        command = _mounted(cmd_name, COMMANDS[cmd_name])
        for name, place in WINGS.get(cmd_name, {}).items():
            command.add_command(_mounted(name, place), name)
        return command


def _mounted(name: str, place: tuple[str, str]) -> Any:
    """A room's command or group of commands, under its name."""
    module, attribute = place
    target = getattr(importlib.import_module(module), attribute)
    if not isinstance(target, typer.Typer):
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name)(target)
        target = app
    command = typer.main.get_command(target)
    command.name = name
    return command


app = typer.Typer(cls=_Rooms, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def _front_door() -> None:
    """Rebuild, publish, train on and score emotional talking-head video.

    Every command has --help with an example. Results go to stdout, progress to stderr; --json is for machines;
    --debug shows the traceback of an error. Exit status: 0 done, 1 done with failed items, 2 wrong use or input.
    """


def main() -> None:
    """Run the command line; exits with 0, 1, 2, or 130 when interrupted."""
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show must not end a run
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        typer.main.get_command(app)(arguments, prog_name="moee")
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if len(arguments) < len(sys.argv) - 1:
            raise
        print(f"moee: {_sentence(error)}", file=sys.stderr)
        sys.exit(2)


def _sentence(error: Exception) -> str:
    """A room's own error is a sentence for the user; anything else is a defect of ours, and says so."""
    ours = {"BenchmarkError", "CurationError", "ManifestError", "MediaError", "ModelError", "PerceptionError"}
    if any(kind.__name__ in ours for kind in type(error).__mro__):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return f"the package {error.name!r} is not installed: run `moee doctor` to see which part brings it"
    said = " ".join(str(error).split())[:300]
    return f"unexpected {type(error).__name__}: {said} (run again with --debug for the traceback)"


if __name__ == "__main__":
    main()
