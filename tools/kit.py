"""Write the offline kit: one tar file with all that a computer that is offline needs.

    python tools/kit.py        _build/tutorial-utils-kit.tar, for the system and the Python that make it

Wheels, notebooks, data (inside the package's wheel), the book with its JavaScript, install.sh, SHA256SUMS.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "_build/html"
KIT = ROOT / "_build/tutorial-utils-kit"


def fetch_wheels(folder: Path) -> None:
    """Collect the wheels of the course and of all it needs, in the versions of constraints.txt.

    torch is the build that is installed here: its local version, such as +cpu, is asked for first.
    """
    from importlib.metadata import version

    index = os.environ.get("TORCH_INDEX_URL")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder)]
    torch = [f"torch=={version('torch')}", *(["--index-url", index] if index else [])]
    subprocess.run([*pip, "--no-deps", *torch], check=True, cwd=ROOT)
    pins = ["--constraint", "constraints.txt", "--find-links", str(folder)]
    subprocess.run([*pip, *pins, ".[lab,md,dft]"], check=True, cwd=ROOT)


def checksums(folder: Path) -> str:
    """Return the lines of SHA256SUMS, as the program sha256sum reads them."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in paths
    ]
    return "".join(lines)


def install_script(text: str) -> str:
    """Return install.sh for the Python of this kit."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return text.replace("@PYTHON@", version).replace("@PLATFORM@", sysconfig.get_platform())


def fill(folder: Path) -> None:
    """Put everything into the folder."""
    if not (BOOK / "index.html").exists():
        raise SystemExit("there is no book in _build/html: run `make book` first")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wheels").mkdir(parents=True)
    fetch_wheels(folder / "wheels")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    shutil.copytree(BOOK, folder / "book")
    for name in ("README.md", "LICENSE", "LICENSE-TEXT"):
        shutil.copy(ROOT / name, folder)
    script = folder / "install.sh"
    script.write_text(install_script((ROOT / "deploy/install.sh").read_text()))
    script.chmod(0o755)
    (folder / "SHA256SUMS").write_text(checksums(folder))


def main() -> None:
    """Make the kit and print its size."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    fill(KIT)
    target = KIT.with_suffix(".tar")
    with tarfile.open(target, "w") as archive:  # wheels are compressed already
        archive.add(KIT, KIT.name)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
